/** How cases' keys and values lie in topics: plain ones as text, windowed ones as JSON. */
import { data, nullable, type Serde, string, topic } from '../../../src/index.ts'
import type { CaseValue } from '../case.ts'
import type { AnyKey, AnyValue, WindowedKey } from '../functions/text.ts'

/** What no plain key of a case begins with. */
const windowed = '\u0000'

/** For the two ends of a topology: any key that a case may have. */
const keys: Serde<string | WindowedKey> = Object.freeze({
  name: 'keys of cases',
  serialize: (key: string | WindowedKey) =>
    string().serialize(typeof key === 'string' ? key : windowed + JSON.stringify(key)),
  deserialize(bytes: Uint8Array) {
    const text = string().deserialize(bytes)
    return text.startsWith(windowed) ? (JSON.parse(text.slice(1)) as WindowedKey) : text
  },
})

export const caseKeys: Serde<AnyKey> = nullable(keys)
export const caseValues: Serde<CaseValue> = data<CaseValue>()
const values: Serde<AnyValue> = nullable(caseValues)

/** Plain keys go in. */
const plainKeys: Serde<string | null> = nullable(string())

export const inputTopic = (name: string) => topic(name, { key: plainKeys, value: values })
export const outputTopic = (name: string) => topic(name, { key: caseKeys, value: values })
