"""What is sold, where and by whom: tenants, storefronts, entitlements, bundles, prices, API keys and test clocks.

Its items are small streams of their own. A decision copies what it used into its event, so a later change never alters what was
sold.
"""
