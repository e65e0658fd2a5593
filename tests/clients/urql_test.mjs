import { COMPARISON, SIDE_BY_SIDE, client, follow } from "./urql.mjs";
import { verify } from "./contract.mjs";

verify({
  watch: (variables, show) => client.query(SIDE_BY_SIDE, variables).subscribe(({ data }) => show(data)),
  follow,
  compare: async (variables) => (await client.query(COMPARISON, variables).toPromise()).data,
  cached: (variables) => client.readQuery(SIDE_BY_SIDE, variables).data,
});
