-- What wrk sends: METHOD PATH TOKEN KEYS VALUES DELAY_MS ACKNOWLEDGED BODY. In PATH and BODY the text {} becomes the next line of
-- the file VALUES, over and over; each POST has an Idempotency-Key of its own, KEYS and a number. The Location of every success
-- goes to the file ACKNOWLEDGED, unless that is empty. The end is one line of JSON.

local method, path, keys, body
local values, number = {}, 0
local headers = { ["Content-Type"] = "application/json" }

function init(args)
  method, path, keys, body = args[1], args[2], args[4], args[8]
  headers["Authorization"] = "Bearer " .. args[3]
  for line in io.lines(args[5]) do
    values[#values + 1] = line
  end
  pause(tonumber(args[6]))
  take_down(args[7])
end

function request()
  number = number + 1
  local value = values[(number - 1) % #values + 1]
  local body_now
  if method == "POST" then
    headers["Idempotency-Key"] = keys .. number
    body_now = body:gsub("{}", value)
  end
  return wrk.format(method, (path:gsub("{}", value)), headers, body_now)
end

-- wrk asks for delays, and parses answers, only where these functions are there.
function pause(mean_ms)
  if mean_ms > 0 then
    delay = function() return math.random(0, 2 * mean_ms) end
  end
end

function take_down(file)
  if file ~= "" then
    local acknowledged = io.open(file, "a")
    acknowledged:setvbuf("line")
    response = function(status, received)
      if status < 400 then acknowledged:write(received["location"], "\n") end
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "refused": %d, "failed": %d, "p50_us": %d, "p95_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
