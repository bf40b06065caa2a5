"""The Lua steps of ``connectors.outgoing``: what must happen at once or not at all."""

from __future__ import annotations

from connectors.redis_store import WAKE_CHANNEL

_NOW = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

# KEYS: window   ARGV: address, scene, count, lasts_ms, keep_ms
_REMEMBER = (
    _NOW
    + """
local ends = now_ms() + ARGV[4]
redis.call('HSET', KEYS[1], 'address', ARGV[1], 'scene:' .. ARGV[2], ARGV[3] .. ' ' .. ends)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
"""
)

# KEYS: window
_TAKE = (
    _NOW
    + """
local all = redis.call('HGETALL', KEYS[1])
local now, address, best, best_left, best_ends = now_ms(), nil, nil, nil, nil
for i = 1, #all, 2 do
  if all[i] == 'address' then
    address = all[i + 1]
  else
    local left, ends = string.match(all[i + 1], '^(%-?%d+) (%d+)$')
    left, ends = tonumber(left), tonumber(ends)
    if left > 0 and ends > now and (best == nil or ends < best_ends) then
      best, best_left, best_ends = all[i], left, ends
    end
  end
end
if address == nil or best == nil then return false end
redis.call('HSET', KEYS[1], best, (best_left - 1) .. ' ' .. string.format('%d', best_ends))
return {address, string.sub(best, 7)}
"""
)

# KEYS: window   ARGV: scene
_GIVE_BACK = """
local value = redis.call('HGET', KEYS[1], 'scene:' .. ARGV[1])
if not value then return 0 end
local left, ends = string.match(value, '^(%-?%d+) (%d+)$')
redis.call('HSET', KEYS[1], 'scene:' .. ARGV[1], (tonumber(left) + 1) .. ' ' .. ends)
return 1
"""

# KEYS: due
_DUE = "return redis.call('ZRANGEBYSCORE', KEYS[1], 0, redis.call('TIME')[1], 'LIMIT', 0, 500)"

# KEYS: courier, floor, sent   ARGV: owner, lease_ms
_BEGIN = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now_ms())
if redis.call('ZCARD', KEYS[2]) > 0 then return false end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('HMGET', KEYS[3], 'after', 'part', 'tries')
"""
)

# KEYS: courier, sent   ARGV: owner, lease_ms, after, part, tries, keep_ms
_ADVANCE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'after', ARGV[3], 'part', ARGV[4], 'tries', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
return 1
"""

# KEYS: courier, log, due   ARGV: owner, after, conversation
_FINISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
if #last == 0 or last[1][1] == ARGV[2] then redis.call('ZREM', KEYS[3], ARGV[3]) end
return 1
"""

# KEYS: courier, due   ARGV: owner, delay_s, conversation
_POSTPONE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1] + ARGV[2], ARGV[3])
return 1
"""

# KEYS: passive, floor   ARGV: message id, wait_ms
_OPEN_FLOOR = (
    _NOW
    + """
local said = redis.call('GET', KEYS[1])
if said then return said end
redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], now_ms() + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return false
"""
)

# KEYS: floor, due   ARGV: message id, conversation
_CLOSE_FLOOR = f"""
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], redis.call('TIME')[1], ARGV[2])
redis.call('PUBLISH', '{WAKE_CHANNEL}', ARGV[2])
"""

# KEYS: courier, sent, passive
# ARGV: from after, from part, to after, to part, said, passive keep_ms, keep_ms
_CLAIM = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local place = redis.call('HMGET', KEYS[2], 'after', 'part')
if (place[1] or '0-0') ~= ARGV[1] or (place[2] or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], 'after', ARGV[3], 'part', ARGV[4], 'tries', 0)
redis.call('PEXPIRE', KEYS[2], ARGV[7])
redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6])
return 1
"""

# KEYS: sent, passive, due   ARGV: from after, from part, to after, to part, conversation
_UNCLAIM = """
redis.call('DEL', KEYS[2])
local place = redis.call('HMGET', KEYS[1], 'after', 'part')
if (place[1] or '0-0') ~= ARGV[1] or (place[2] or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'after', ARGV[3], 'part', ARGV[4])
redis.call('ZADD', KEYS[3], redis.call('TIME')[1], ARGV[5])
return 1
"""

ALL = {
    "remember": _REMEMBER,
    "take": _TAKE,
    "give_back": _GIVE_BACK,
    "due": _DUE,
    "begin": _BEGIN,
    "advance": _ADVANCE,
    "finish": _FINISH,
    "postpone": _POSTPONE,
    "open_floor": _OPEN_FLOOR,
    "close_floor": _CLOSE_FLOOR,
    "claim": _CLAIM,
    "unclaim": _UNCLAIM,
}
