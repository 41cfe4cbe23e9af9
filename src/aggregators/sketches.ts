/** Aggregators that remember about as much as they are asked for, in bounded space. */
import type { Field } from './field.ts'
import { HyperLogLog } from './hyper-log-log.ts'
import { QuantileSketch } from './quantile-sketch.ts'

export function approximateCount(member: (value: unknown) => string | undefined): Field {
  return {
    kind: 'approxDistinct',
    init: () => new HyperLogLog(),
    add(state, value) {
      const one = member(value)
      if (one !== undefined) (state as HyperLogLog).add(one)
      return state
    },
    merge(state, other) {
      ;(state as HyperLogLog).merge(other as HyperLogLog)
      return state
    },
    result: (state) => (state as HyperLogLog).estimate(),
    write: (writer, state) => (state as HyperLogLog).write(writer),
    read: (reader) => HyperLogLog.read(reader),
  }
}

/** @param ranks which do not show in the state: they may change */
export function quantileField(
  measure: (value: unknown) => number | bigint | undefined,
  ranks: readonly number[]
): Field {
  return {
    kind: 'quantiles',
    init: () => new QuantileSketch(),
    add(state, value) {
      const measured = Number(measure(value))
      if (Number.isFinite(measured)) (state as QuantileSketch).add(measured)
      return state
    },
    merge(state, other) {
      ;(state as QuantileSketch).merge(other as QuantileSketch)
      return state
    },
    result(state) {
      const found = (state as QuantileSketch).quantiles(ranks)
      return Object.freeze(Object.fromEntries(ranks.map((rank, index) => [rank, found[index]])))
    },
    write: (writer, state) => (state as QuantileSketch).write(writer),
    read: (reader) => QuantileSketch.read(reader),
  }
}
