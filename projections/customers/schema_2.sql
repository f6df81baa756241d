-- How a customer is billed.
SELECT ledger.begin_anew();
ALTER TABLE ledger.customers ADD COLUMN billing_day integer, ADD COLUMN billed_together boolean NOT NULL;
