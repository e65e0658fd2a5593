import { COMPARISON, SIDE_BY_SIDE, client, follow } from "./apollo.mjs";
import { verify } from "./contract.mjs";

verify({
  watch: (variables, show) => client.watchQuery({ query: SIDE_BY_SIDE, variables }).subscribe(({ data }) => show(data)),
  follow,
  compare: async (variables) => (await client.query({ query: COMPARISON, variables })).data,
  cached: (variables) => client.readQuery({ query: SIDE_BY_SIDE, variables }),
});
