/** Seeded records as no shop would send them, among good ones: bytes, sizes, headers and times. */
import type { RecordHeaders } from '../../src/record.ts'
import type { AppendRecord } from '../../src/runtime/ports.ts'
import type { Random } from './random.ts'
import { longBefore, type Verdict, verdictOf } from './shop-verdict.ts'

export interface FuzzSpan {
  /** Event times of what is good, epoch ms: behind the one, before the other. */
  readonly from: number
  readonly to: number
}

const minute = 60_000
const disorderMs = 90 * minute
const year9999 = 253_370_764_800_000
const tenYearsMs = 10 * 365 * 86_400_000
const megabyte = 1_000_000
/** What a header is called until its batch is sealed: names of a test are texts, and so UTF-8. */
export const placeholder = Buffer.from('\u0001\u0002\u0003\u0004')
export const brokenName = Buffer.from([0xff, 0xfe, 0xc0, 0x80])

/** A record, and what must become of it. */
export interface FuzzRecord {
  readonly record: AppendRecord
  readonly verdict: Verdict
}

/** @param share how much of the span is over: times go on with it, in disorder */
export function fuzzRecord(
  random: Random,
  partition: number,
  share: number,
  span: FuzzSpan
): FuzzRecord {
  const now = Date.now()
  const newest = span.from + share * (span.to - span.from)
  for (;;) {
    const at = Math.max(span.from, Math.floor(newest - random.below(disorderMs) * random.next()))
    const value = valueBytes(random, at)
    const verdict = verdictOf(value, now)
    // Whatever a damaged digit says, the span must not end before its time.
    if (typeof verdict !== 'string' && isAstray(verdict.at, span)) continue
    const [timestamp, key] = [recordTime(random, at), keyOf(random)]
    return { record: { partition, timestamp, key, value, headers: headersOf(random) }, verdict }
  }
}

/** A good event, as each partition begins and ends with. */
export function plainRecord(partition: number, timestamp: number): FuzzRecord {
  const value = Buffer.from(
    JSON.stringify({ timestamp, sessionId: 'first', eventType: 'pageView' })
  )
  const verdict = verdictOf(value, Date.now())
  return { record: { partition, timestamp, key: null, value }, verdict }
}

function isAstray(at: number, { from, to }: FuzzSpan): boolean {
  return at > to || (at < from && at > longBefore(from))
}

function valueBytes(random: Random, at: number): Uint8Array | null {
  const kind = random.next()
  if (kind < 0.45) return text(goodEvent(random, at))
  if (kind < 0.65) return Buffer.from(brokenEvent(random, at))
  if (kind < 0.8) return mutated(random, text(goodEvent(random, at)))
  return garbage(random, at)
}

function text(event: object): Buffer {
  return Buffer.from(JSON.stringify(event))
}

function goodEvent(random: Random, timestamp: number): Record<string, unknown> {
  const sessionId = `s${random.below(400).toString(36)}`
  if (!random.chance(0.25)) {
    return {
      timestamp,
      sessionId,
      eventType: random.pick(['pageView', 'search', '', 'é', '\ud83d']),
    }
  }
  return { timestamp, sessionId, eventType: 'checkout_click', total_price: price(random) }
}

function price(random: Random): unknown {
  if (random.chance(0.5))
    return `${random.below(500)}.${String(random.below(100)).padStart(2, '0')}`
  const odd = [
    ...[0, -5, 1e308, 0.1, 12.345, 1e21, 5e-324, -0, true, null, [], {}, ['5'], '1,50', '1.299,00'],
    ...['', ' 7 ', '+3.10', '--1', '.5', '7.', 'NaN', 'Infinity', '0x10', '1e3', '٣', '12\u0000'],
    ...['9'.repeat(20), '0'.repeat(5_000), `${'0'.repeat(300)}1.2000`, '\u00a05\u00a0', '€5'],
  ]
  return odd[random.below(odd.length)]
}

/** An event as JSON with something wrong in it; not all of it is against the rules. */
function brokenEvent(random: Random, at: number): string {
  const good = goodEvent(random, at)
  const json = JSON.stringify(good)
  const raw = (name: string, value: string): string =>
    json.replace(new RegExp(`"${name}":("[^"]*"|[0-9]+)`), () => `"${name}":${value}`)
  switch (random.below(7)) {
    case 0:
      return raw('timestamp', oddTime(random, at))
    case 1:
      return raw(
        'sessionId',
        random.pick(['null', '""', '5', '[]', '{}', 'true', '"\\u0000"', '" "'])
      )
    case 2:
      return raw('eventType', random.pick(['null', '5', '["checkout_click"]', '{"a":1}', '""']))
    case 3: {
      const { [random.pick(['timestamp', 'sessionId', 'eventType'])]: _, ...rest } = good
      return JSON.stringify(rest)
    }
    case 4: {
      const flag = random.pick(['detectedDuplicate', 'detectedCorruption'])
      return `{"${flag}":${random.pick(['true', 'false', '"true"', '1', 'null'])},${json.slice(1)}`
    }
    case 5:
      // The last one counts, whoever reads it.
      return `${json.slice(0, -1)},${random.pick([
        '"sessionId":"again"',
        '"sessionId":null',
        `"timestamp":${at - 1}`,
        '"timestamp":"no"',
      ])}}`
    default:
      return random.pick([
        `{"__proto__":${json}}`,
        `{"__proto__":{"detectedDuplicate":true},${json.slice(1)}`,
        `{"constructor":{"prototype":{"sessionId":"x"}},${json.slice(1)}`,
        `[${json}]`,
        `\ufeff${json}`,
        ` \t\n${json}\r\n `,
        `${json}${json}`,
        `"${json.replaceAll('"', '\\"')}"`,
        json.replace('"sessionId"', '"session\\u0049d"'),
        json.replaceAll('"', "'"),
        `${json.slice(0, -1)},}`,
        `{"toString":1,"hasOwnProperty":2,"0":3,${json.slice(1)}`,
      ])
  }
}

function oddTime(random: Random, at: number): string {
  return random.pick([
    ...(['-1', '0', '-0', '1', '1.5', `"${at}"`, `${at}.5`, `${at}.0`, `${at}e0`] as const),
    ...[String(year9999), String(Date.now() + tenYearsMs), '1e308', '1e400', '-1e400', '9e15'],
    ...['9007199254740993', '8640000000000001', 'NaN', 'null', 'true', '[]', '{}', '""', '00'],
    ...[`${at}`.repeat(300), `"${new Date(at).toISOString()}"`, '-62135596800000', '+5', '1e-5'],
  ] as [string, ...string[]])
}

function garbage(random: Random, at: number): Uint8Array | null {
  const json = text(goodEvent(random, at))
  const depth = 1 + random.below(20_000)
  switch (random.below(12)) {
    case 0:
      return null
    case 1:
      return new Uint8Array(0)
    case 2:
      return randomBytes(random, random.below(400))
    case 3:
      return json.subarray(0, random.below(json.length))
    case 4:
      return Buffer.from('['.repeat(depth))
    case 5:
      return Buffer.from(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)
    case 6:
      return Buffer.from(
        `{"deep":${'['.repeat(depth)}${']'.repeat(depth)},${String(json).slice(1)}`
      )
    case 7:
      return Buffer.from(String(json), 'utf16le')
    case 8:
      return Buffer.from(random.pick(['null', 'true', '5', '-', '""', '[]', '{}', 'NaN', '\u0000']))
    case 9:
      return random.chance(0.03) ? large(random, String(json)) : json
    case 10:
      // As an end of a transaction looks, and the frame of a registry.
      return Buffer.from([0, 0, 0, 1, 0, 0, 0, random.below(256)])
    default:
      return withByte(json, random.below(json.length), 0x80 + random.below(128))
  }
}

function large(random: Random, json: string): Buffer {
  if (random.chance(0.5)) return Buffer.alloc(megabyte, random.below(256))
  return Buffer.from(`{"blob":"${'b'.repeat(megabyte - 1_000)}",${json.slice(1)}`)
}

function mutated(random: Random, bytes: Buffer): Buffer {
  let changed: Buffer = Buffer.from(bytes)
  for (let i = 0; i <= random.below(4); i++) {
    const at = random.below(changed.length)
    const other = random.below(changed.length)
    const [from, to] = [Math.min(at, other), Math.max(at, other)]
    switch (random.below(4)) {
      case 0:
        changed = withByte(changed, at, (changed[at] ?? 0) ^ (1 << random.below(8)))
        break
      case 1:
        changed = Buffer.concat([changed.subarray(0, from), changed.subarray(to)])
        break
      case 2:
        changed = Buffer.concat([changed.subarray(0, to), changed.subarray(from)])
        break
      default:
        changed = withByte(changed, at, random.below(256))
    }
    if (changed.length === 0) return changed
  }
  return changed
}

function withByte(bytes: Uint8Array, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = byte
  return changed
}

function recordTime(random: Random, at: number): number {
  if (random.chance(0.7)) return at
  return random.pick([-1, 0, 1, year9999, Date.now() + tenYearsMs, 2 ** 53 - 1])
}

function keyOf(random: Random): Uint8Array | null {
  if (random.chance(0.4)) return null
  if (random.chance(0.1)) return new Uint8Array(0)
  return randomBytes(random, random.chance(0.002) ? 100_000 : random.below(40))
}

function headersOf(random: Random): RecordHeaders {
  if (random.chance(0.6)) return []
  const count = random.chance(0.01) ? 2_000 : random.below(6)
  return Array.from({ length: count }, () => {
    const name = random.pick([
      ...(['', 'h', 'é', String(placeholder), '__proto__', 'n'.repeat(300)] as const),
      ...['millrace-error-topic', 'millrace-error-offset', 'millrace-error-reason'],
    ] as [string, ...string[]])
    const value = random.chance(0.2) ? null : randomBytes(random, random.below(30))
    return [name, value] as const
  })
}

function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)))
}
