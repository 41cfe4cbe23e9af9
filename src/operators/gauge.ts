/**
 * `toGauge`: shows numbers of a table's latest row. What was shown last is kept in a small store of
 * its own, so that it is there again after a restart:
 *
 *     gauge name, then its labels → { value, end: of the row's window or null }
 *
 * A row of an earlier window than the one on show (a late update) changes nothing.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { type GaugePort, Operator, type TaskContext } from '../processor/operator.ts'
import { data } from '../serde/data.ts'
import { binaryText, encodeUtf8 } from '../serde/text.ts'
import type { Windowed } from '../windows/windows.ts'

/** What a gauge shows for null: no series, 0, or NaN. */
export type WhenNull = 'absent' | 'zero' | 'nan'

export interface GaugeSpec {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: (row: unknown, key: unknown) => number | bigint | null
  readonly whenNull: WhenNull
}

interface Shown {
  readonly value: number | null
  readonly end: Timestamp | null
}

const serde = data<Shown>()

/** `traffic.toGauge({ name: 'users_count', help: '…', value: ({ visitors }) => visitors })` */
export class GaugeOperator extends Operator {
  readonly #store: string
  readonly #gauges: readonly ShownGauge[]
  #state!: KeyValueState<Shown>

  constructor(store: string, gauges: readonly GaugeSpec[]) {
    super()
    this.#store = store
    this.#gauges = gauges.map((spec) => new ShownGauge(spec))
  }

  override init(context: TaskContext): void {
    this.#state = context.store(gaugeStore(this.#store))
    for (const gauge of this.#gauges) gauge.open(context, this.#state)
  }

  process(key: unknown, value: unknown): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue: row } = value as Change<unknown>
    for (const gauge of this.#gauges) gauge.show(row, key, this.#state)
  }
}

function gaugeStore(name: string): StoreDefinition<Shown> {
  const encode = (shown: Shown): Uint8Array => serde.serialize(shown) as Uint8Array
  return { name, logged: true, codec: { encode, decode: serde.deserialize } }
}

class ShownGauge {
  readonly #spec: GaugeSpec
  readonly #id: string
  #port!: GaugePort

  constructor(spec: GaugeSpec) {
    this.#spec = spec
    this.#id = binaryText(encodeUtf8(JSON.stringify([spec.name, spec.labels])))
  }

  open(context: TaskContext, state: KeyValueState<Shown>): void {
    this.#port = context.gauge(this.#spec.name, this.#spec.labels)
    const last = state.get(this.#id)
    if (last !== undefined) this.#publish(last.value)
  }

  show(row: unknown, key: unknown, state: KeyValueState<Shown>): void {
    const last = state.get(this.#id)
    const end = endOf(key)
    if (last !== undefined && end !== null && last.end !== null && end < last.end) return
    const { value: measure } = this.#spec
    const measured = row === null ? null : measure(row, key)
    const value = measured === null ? null : Number(measured)
    if (last === undefined || !Object.is(last.value, value) || last.end !== end) {
      state.put(this.#id, { value, end })
    }
    this.#publish(value)
  }

  #publish(value: number | null): void {
    this.#port.set(value ?? shownForNull[this.#spec.whenNull])
  }
}

const shownForNull: Readonly<Record<WhenNull, number | null>> = {
  absent: null,
  zero: 0,
  nan: Number.NaN,
}

function endOf(key: unknown): Timestamp | null {
  const window = (key as Partial<Windowed<unknown>> | null | undefined)?.window
  return typeof window === 'object' && window !== null ? window.end : null
}
