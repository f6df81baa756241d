"""A real Apache Kafka broker for the tests: one given by address, a container, or one started here from Maven artifacts.

By hand: ``python -m tests.kafka_broker FOLDER`` starts a broker with its data in FOLDER (kept), prints its address and runs until
Ctrl-C. The package owns getting a broker; topics and their settings are the project's (``infra/eventlog/topics.py``).
"""
