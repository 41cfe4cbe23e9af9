/** The hash by which Kafka's own clients spread keys over partitions: 32-bit murmur2. */

const seed = 0x9747b28c | 0
const m = 0x5bd1e995

/** The hash as a signed 32-bit integer, bit for bit that of the Java client. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes
  const tail = length & ~3
  let hash = seed ^ length
  for (let at = 0; at < tail; at += 4) {
    let k = word(bytes, at)
    k = Math.imul(k, m)
    k ^= k >>> 24
    k = Math.imul(k, m)
    hash = Math.imul(hash, m) ^ k
  }
  const rest = length - tail
  if (rest === 3) hash ^= byte(bytes, tail + 2) << 16
  if (rest >= 2) hash ^= byte(bytes, tail + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(bytes, tail), m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}

/** The partition a record with this key belongs to, so that Java applications agree with ours. */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fffffff) % partitions
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function word(bytes: Uint8Array, at: number): number {
  return (
    byte(bytes, at) |
    (byte(bytes, at + 1) << 8) |
    (byte(bytes, at + 2) << 16) |
    (byte(bytes, at + 3) << 24)
  )
}
