"""The domain: rules about members, action plans, commitments, sources, codes and accounts, without I/O.

- What is declared: `field`, `aggregate_type`, `command`, `roles` and `errors` have the forms; `aggregate_types` and
  `commands` are the registries. Values are of `vocabulary`, `values`, `text`, `language_table` and `member_table`.
- The aggregates with their fields, events and commands: `member`, `action_plan`, `source`, `code`, `account`; of
  commitments `commitment`, `commitment_fields`, `irm_database`, `milestone`, `milestone_number`, `renumbering`,
  `review`, `narrative`, `lineage`, `link`, `merger` and `overdue`.
- Commands at work: `unit_of_work`, `clearing`, `correction`, `restatement` and `reversal_rules`.
- What events mean: `event`, `statement`, `aggregate` (claims, and which is current), `fold`, `live_statements` and
  `delta`; what one source was read to state: `source_statements`. `schema_compatibility` compares stored forms.
- The second axis of time: `timeline`, `claim_options`, `readings` and `as_of`; `state_id` identifies what was read.
"""
