-- An invoice may bill no subscription, and a first attempt may be due later.
SELECT ledger.begin_anew();
ALTER TABLE ledger.payments ALTER COLUMN subscription DROP NOT NULL;
ALTER TABLE ledger.payments ADD COLUMN refunded bigint NOT NULL DEFAULT 0;
