"""The GraphQL schema, its cost and its execution; independent of HTTP.

- The schema: `schema` builds it, `query` has the root fields, `mutations` is a package. `scalars`, `enums`, `errors`
  and `deprecation` are used everywhere.
- The object types: `subject` and `types`, with `accounts`, `parts`, `part` and `assessment`; `subject_facts`,
  `entry_facts` and `output_fields` have the fields that lead nowhere else; `changes`, `meta` and `compare`.
- Lists: `connections`, `lists`, `counted_connection`, `facets`, `nodes` and `search`.
- Arguments: `filters`, `part_filters`, `value_filters`, `entry_filters`, `path_filter`, `known_values`, `orders` and
  `moments`; `input_errors` says what is wrong with them.
- Cost: `weights` are declared with fields and arguments; `query_limits`, `query_cost` and `argument_cost` measure.
- Execution: `document_validation`, `executor` and `context`; `compiled` is a package. `dependence` and
  `volatile_fields` say for how long what was executed remains right.
- Generated references: `cost_reference` and `field_reference`.
"""
