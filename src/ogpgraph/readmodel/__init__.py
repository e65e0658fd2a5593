"""The read side: rows projected from the log, valid from one position to another, and the snapshots that read them.

- Writing rows: `projector` projects batches (`batch_projection`, `batch_rows`, `open_rows`) into `tables`; `projection`
  does so for a process, `save_projection` for its own saves, `projection_poller` for those of others, and `rebuild` for
  the whole log (`parallel_projection`, `projection_worker`). `integrity` compares rows, `history_guard` the log itself.
- What is derived from an aggregate: `states` (deltas and key frames), `earlier_claims`, `searched_texts`, and `tags`
  by the `tag_rules` (`rule_tags`, `whole_tags`, `group_tags`, `dimension_tags`).
- In memory: `model` follows each `model_change`, with `streams` and `stream_rows`; `model_loader` loads it, a
  `background_thread` like the poller; `state_loader` and `read_caches` make and keep past states.
- Finding: an `index` of tags as `bitsets`, in an `index_cache`, from `index_rows` and the `tag_history`; `filters` are
  evaluated on it, its orders are a `sort_index` by `sort_keys` (`order_builder`), and `existence` is as of a day.
- Searching: `search` and `search_index`; `text_search` finds words in the texts of one field.
- Reading: `read_model` opens a `session`, after `freshness` has told how far the rows are; a `snapshot` of it reads
  aggregates (`aggregate_snapshot`) and each `entry` (`entry_snapshot`), by `queries` and an `entry_query`. A `bookmark`
  is a position in one history.
- Keeping: `kept_responses`, `fragment_cache`, `page_cache` and `persistent_map`. `error_codes` are those of reading.
"""
