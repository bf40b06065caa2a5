/** An id for one message: unique in its conversation is enough. */
let count = 0;

/** @param {number} now ms @param {number} chance 0 to 1 */
function messageId(now, chance) {
  count += 1;
  return `m_${now.toString(36)}_${Math.floor(chance * 1e9).toString(36)}_${count}`;
}

module.exports = { messageId };
