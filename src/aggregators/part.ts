/** An aggregator for a part of what comes, as one for all of it. */
import type { Ability, Aggregator } from './aggregator.ts'
import { isWhere, makeAggregator, makeWhere } from './aggregator.ts'

type Any = Aggregator<never, unknown, Ability>
type Predicate = (value: unknown) => boolean
type Select = (value: unknown) => unknown

interface Steps {
  readonly add: (state: unknown, value: unknown) => unknown
}

/**
 * @param belongs whether a value is of this part
 * @param unwrap the value as the aggregator knows it
 */
export function partOf(one: Any, belongs: Predicate, unwrap: Select): Any {
  if (one.kind === 'custom') {
    const steps = one.args[0] as Steps
    const add: Steps['add'] = (state, value) =>
      belongs(value) ? steps.add(state, unwrap(value)) : state
    return makeAggregator('custom', { ...steps, add })
  }
  const [select, ...rest] = one.args
  const condition = rest.find(isWhere)
  const passes = condition?.predicate as Predicate | undefined
  const where = makeWhere(
    (value: unknown) => belongs(value) && (passes === undefined || passes(unwrap(value)))
  )
  const selected = select && ((value: unknown) => (select as Select)(unwrap(value)))
  return makeAggregator(one.kind, selected, where, ...rest.filter((arg) => arg !== condition))
}
