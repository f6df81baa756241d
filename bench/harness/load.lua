-- What wrk sends: METHOD PATH TOKEN KEYS VALUES DELAY_MS ACKNOWLEDGED BATCH BODY. In PATH and BODY the text {} becomes the next line
-- of the file VALUES, over and over; each POST has an Idempotency-Key of its own, KEYS and a number. The Location of every success
-- goes to the file ACKNOWLEDGED, unless that is empty. With BATCH above 0 so many commands are sent as one batch. The end is one
-- line of JSON.

local method, path, keys, batch, body
local values, number, threads = {}, 0, {}
local headers = { ["Content-Type"] = "application/json" }
unsuccessful_lines = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  method, path, keys, batch, body = args[1], args[2], args[4], tonumber(args[8]), args[9]
  headers["Authorization"] = "Bearer " .. args[3]
  for line in io.lines(args[5]) do
    values[#values + 1] = line
  end
  pause(tonumber(args[6]))
  if batch > 0 then
    expect_lines()
  elseif args[7] ~= "" then
    take_down(args[7])
  end
end

local function filled(template)
  return (template:gsub("{}", values[(number - 1) % #values + 1]))
end

local function one()
  number = number + 1
  if method == "GET" then
    return wrk.format(method, filled(path), headers)
  end
  headers["Idempotency-Key"] = keys .. number
  return wrk.format(method, filled(path), headers, filled(body))
end

local function many()
  local lines = {}
  for index = 1, batch do
    number = number + 1
    lines[index] = string.format('{"idempotency_key":"%s%d","path":"%s","body":%s}', keys, number, filled(path), filled(body))
  end
  return wrk.format("POST", "/v1/commands:batch", headers, table.concat(lines, "\n"))
end

function request()
  return batch > 0 and many() or one()
end

-- wrk asks for delays, and parses answers, only where these functions are there.
function pause(mean_ms)
  if mean_ms > 0 then
    delay = function() return math.random(0, 2 * mean_ms) end
  end
end

function take_down(file)
  local acknowledged = io.open(file, "a")
  acknowledged:setvbuf("line")
  response = function(status, received)
    if status < 400 then acknowledged:write(received["location"], "\n") end
  end
end

function expect_lines()
  headers["Content-Type"] = "application/x-ndjson"
  response = function(status, received, text)
    local _, successes = text:gsub('"status":20', "")
    unsuccessful_lines = unsuccessful_lines + batch - successes
  end
end

function done(summary, latency, requests)
  local errors, refused = summary.errors, summary.errors.status
  for _, thread in ipairs(threads) do
    refused = refused + thread:get("unsuccessful_lines")
  end
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "refused": %d, "failed": %d, "p50_us": %d, "p95_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, refused, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
