/** Windows, and what is aggregated in them by key. */
import {
  type Duration,
  hopping,
  type Serde,
  type SessionWindows,
  type SlidingWindows,
  session,
  sliding,
  tumbling,
  type UnlimitedWindows,
  unlimited,
  type WindowShape,
  type Windows,
} from '../../../src/index.ts'
import { CaseError, type CaseValue, type NodeFields } from '../case.ts'
import { step } from '../functions/aggregators.ts'
import type { AnyValue } from '../functions/text.ts'
import { caseValues } from './serdes.ts'
import { type Kinds, ms, type Operators, type World } from './world.ts'

type PlainWindows = Windows<WindowShape, false, 'updates'>
type AnyWindows =
  | Windows<WindowShape, false, 'updates'>
  | SlidingWindows<'updates'>
  | SessionWindows<'updates'>
  | UnlimitedWindows

export const windows: Operators = {
  windowedBy(world, fields) {
    const shape = windowsOf(fields.object('windows'))
    const emitting = fields.text('emit') === 'close' ? final(world, shape) : shape
    const grouped = world.get(fields.text('from'), 'grouped')
    if (shape.shape === 'session') {
      world.put(fields.id, 'sessions', grouped.windowedBy(emitting as typeof shape))
    } else world.put(fields.id, 'windowed', grouped.windowedBy(emitting as PlainWindows))
  },
}

/** Of windowed groups. */
export const windowedAggregates: Operators = {
  count(world, fields) {
    const table = windowed(world, fields).count(world.storeOf(fields), retentionOf(fields))
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  reduce(world, fields) {
    const add = step(fields.text('adder'))
    const table = windowed(world, fields).reduce(world.storeOf(fields), add, retentionOf(fields))
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  aggregate(world, fields) {
    const init = fields.value('init')
    const add = step(fields.text('adder'))
    const table = windowed(world, fields).aggregate<AnyValue, AnyValue>(
      world.storeOf(fields),
      (): CaseValue => init,
      (kept, value) => add(kept, value),
      { ...retentionOf(fields), value: caseValues as Serde<AnyValue> }
    )
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
}

/** Of groups in sessions. */
export const sessionAggregates: Operators = {
  count(world, fields) {
    const table = sessions(world, fields).count(world.storeOf(fields), retentionOf(fields))
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  reduce(world, fields) {
    const add = step(fields.text('adder'))
    const table = sessions(world, fields).reduce(world.storeOf(fields), add, retentionOf(fields))
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
  aggregate(world, fields) {
    const init = fields.value('init')
    const add = step(fields.text('adder'))
    const merge = step(fields.text('merger'))
    const table = sessions(world, fields).aggregate<AnyValue, AnyValue, AnyValue>(
      world.storeOf(fields),
      (): CaseValue => init,
      (kept, value) => add(kept, value),
      (earlier, later) => merge(earlier, later),
      { ...retentionOf(fields), value: caseValues as Serde<AnyValue> }
    )
    world.put(fields.id, 'table', table as unknown as Kinds['table'])
  },
}

function sessions(world: World, fields: NodeFields): Kinds['sessions'] {
  return world.get(fields.text('from'), 'sessions')
}

export function windowsOf(fields: NodeFields): AnyWindows {
  const type = fields.text('type')
  switch (type) {
    case 'tumbling':
      return tumbling(ms(fields.number('size')), { grace: ms(fields.number('grace')) })
    case 'hopping':
      return hopping(ms(fields.number('size')), {
        advance: ms(fields.number('advance')),
        grace: ms(fields.number('grace')),
      })
    case 'sliding':
      return sliding(ms(fields.number('diff')), { grace: ms(fields.number('grace')) })
    case 'session':
      return session(ms(fields.number('gap')), { grace: ms(fields.number('grace')) })
    case 'unlimited':
      return unlimited({ start: fields.number('start') })
    default:
      throw new CaseError(`unknown windows '${type}'`)
  }
}

function final(world: World, shape: AnyWindows): unknown {
  if (shape.shape === 'unlimited') throw new Error('A window that never ends has no final rows')
  return shape.emit('final', { interval: ms(world.config.emitIntervalMs ?? 0) })
}

function retentionOf(fields: NodeFields): { readonly retention?: Duration } {
  const retention = fields.optionalNumber('retention')
  return retention === undefined ? {} : { retention: ms(retention) }
}

function windowed(world: World, fields: NodeFields): Kinds['windowed'] {
  return world.get(fields.text('from'), 'windowed')
}
