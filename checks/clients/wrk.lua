-- Sends prepared requests by turns, and prints what came of them as one line of JSON. Reads a file of requests:
-- the path, the headers one on a line, an empty line, then one body on each line; a body `-` is a GET.
local requests, turn = {}, 0

function init(args)
   local headers, path, in_bodies = {}, nil, false
   for line in io.lines(args[1]) do
      if not path then
         path = line
      elseif in_bodies then
         requests[#requests + 1] = line == "-" and wrk.format("GET", path, headers) or wrk.format("POST", path, headers, line)
      elseif line == "" then
         in_bodies = true
      else
         local name, value = line:match("^([^:]+): (.*)$")
         headers[name] = value
      end
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "failed": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
