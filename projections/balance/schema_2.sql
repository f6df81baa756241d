-- What the account was given and invoices have not used.
SELECT ledger.begin_anew();
ALTER TABLE ledger.balances ADD COLUMN credit bigint NOT NULL;
