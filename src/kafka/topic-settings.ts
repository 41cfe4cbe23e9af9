/**
 * Which settings of a topic must be right for the state to be right, and when they are. What is not
 * named here may be tuned by hand.
 */
import type { TopicRequirement } from '../runtime/ports.ts'

type Rule = 'same' | 'least'

/** Of −1 and "at least": kept for ever, or without a bound. */
const rules: Readonly<Record<string, Rule>> = {
  'cleanup.policy': 'same',
  'message.timestamp.type': 'same',
  'message.timestamp.before.max.ms': 'least',
  'message.timestamp.after.max.ms': 'least',
  'retention.ms': 'least',
  'retention.bytes': 'least',
  'min.compaction.lag.ms': 'least',
  'delete.retention.ms': 'least',
}

export interface SettingFault {
  readonly setting: string
  readonly wanted: string
  /** Undefined: the broker knows no such setting. */
  readonly found: string | undefined
  /** The owner of the topic may have meant it: to be told, not refused. */
  readonly isOwnersChoice: boolean
}

export const checkedSettings: readonly string[] = Object.keys(rules)

/** Against the settings in force, defaults of the broker included. */
export function settingFaults(
  { role, config = {} }: TopicRequirement,
  inForce: ReadonlyMap<string, string | null>
): readonly SettingFault[] {
  return Object.entries(config).flatMap(([setting, wanted]) => {
    const rule = rules[setting]
    if (rule === undefined) return []
    const found = inForce.get(setting) ?? undefined
    if (found !== undefined && holds(rule, wanted, found)) return []
    const isOwnersChoice = role === 'sink' && rule === 'least'
    return [{ setting, wanted, found, isOwnersChoice }]
  })
}

export function sentenceOf({ setting, wanted, found }: SettingFault): string {
  const least = rules[setting] === 'least' && wanted !== '-1' ? 'at least ' : ''
  if (found !== undefined) return `expected ${setting}=${least}${wanted}, found ${found}`
  return `expected ${setting}=${least}${wanted}, found no such setting: the broker is too old`
}

function holds(rule: Rule, wanted: string, found: string): boolean {
  if (rule === 'same') return sorted(wanted) === sorted(found)
  const [least, is] = [asNumber(wanted), asNumber(found)]
  return least === undefined || is === undefined ? wanted === found : is >= least
}

/** Undefined: not a number. Exact, for the greatest of them are beyond 2^53. */
function asNumber(text: string): bigint | undefined {
  if (!/^-?\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value < 0n ? 2n ** 64n : value
}

/** `compact,delete` and `delete,compact` are the same policy. */
function sorted(value: string): string {
  return value
    .split(',')
    .map((part) => part.trim())
    .sort()
    .join(',')
}
