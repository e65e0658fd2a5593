"""GraphQL over HTTP, live feeds, the query console and the probes, served by uvicorn.

- The application: `app` puts it together. `middleware`, `http_rules`, `hosts`, `identification` and `ignored_upgrades`
  surround every endpoint, `connection_timeouts` the connections.
- Endpoints: `endpoint` (GraphQL), `console` and `probes`; `live` is a package. `request` and `parameters` read,
  `responses` and `caching` answer; `errors`, `error_codes` and `error_reference` say what went wrong.
- Operations of all transports: `operation_service`, with `operation`, `document_cache` and `persisted_documents`;
  `shadow_check` compares compiled ones.
- Turns: `scheduler`, `fair_queue`, `waiting_tasks`, `task`, `worker_threads` and `deadline`; what clients may use:
  `cost_budget` and `held_bytes`.
- The direct path, which answers from memory: `arrivals`, `direct_path`, `direct_answers`, `direct_sending`,
  `signed_answers`, `header_sets`, `known_operations`, `repeated_requests`, `memory_reader`, `shared_confirmation`,
  `loop_shares`, `whole_response` and `sliced_json`.
- The process: `garbage_collection` and `replacement`.
"""
