"""What is sold, where and by whom, as rows: tenants, storefronts, entitlements, bundles, prices and test clocks."""
