"""The event log, the texts and the accounts, on either of two database engines.

- The log: `append` writes and `event_log` reads every `logged_event`, whose leaf is in the `merkle` tree; `payload` is
  its stored form, `log_identity` its id and format. `clock_guard` and `head_file` protect it.
- Beside the log: `texts`, `accounts` and the `aggregate_cache`.
- The whole record: `record` streams its rows, `backup_file` and `transfer` copy them, `integrity` checks them; `damage`
  has what does not match its hash.
- Databases: `database` is the interface and `connect` chooses the engine. `lazy_transaction`, `shared_read`, `waiting`,
  `byte_cache`, `probe` and `error_codes` serve both.
- SQLite: `sqlite`, `sqlite_connection`, `sqlite_readers`, `sqlite_commits`, `database_file` and `writer_lock`.
- PostgreSQL: `postgres`, `postgres_transaction`, `postgres_version` and `postgres_dialect`.
"""
