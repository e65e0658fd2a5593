-- For wrk: sends the requests of a file in turn, and prints what was measured as one line of JSON.
-- A line of the file is method, target, entity tag and body, separated by tabs. FIRST is the number of the first line.

local requests = {}
for line in io.lines(os.getenv("REQUESTS")) do
  local method, target, etag, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
  local headers = {["Accept"] = "application/json"}
  if body ~= "" then headers["Content-Type"] = "application/json" else body = nil end
  if etag ~= "" then headers["If-None-Match"] = etag end
  requests[#requests + 1] = {method, target, headers, body}
end

local formatted, sent = {}, tonumber(os.getenv("FIRST") or "0")

function init()
  for number, each in ipairs(requests) do
    formatted[number] = wrk.format(each[1], each[2], each[3], each[4])
  end
end

function request()
  sent = sent + 1
  return formatted[(sent - 1) % #formatted + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "max_ms": %.4f, "errors": %d, "bytes": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.status + errors.connect + errors.read + errors.write + errors.timeout, summary.bytes))
end
