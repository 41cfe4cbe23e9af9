/** Sources, sinks, and what happens to a record between them without a store. */
import { CaseError, type NodeFields } from '../case.ts'
import { flatValueMapper, keySelector, pairMapper, valueMapper } from '../functions/mappers.ts'
import { predicate } from '../functions/predicates.ts'
import type { AnyKey, AnyValue } from '../functions/text.ts'
import { caseKeys, caseValues, inputTopic, outputTopic } from './serdes.ts'
import type { Kinds, Operators, World } from './world.ts'

export const stateless: Operators = {
  stream(world, fields) {
    const name = fields.text('topic')
    world.inputs.add(name)
    world.put(fields.id, 'stream', world.builder.stream(inputTopic(name)))
  },
  to(world, fields) {
    const name = fields.text('topic')
    world.outputs.add(name)
    asStream(world, fields.text('from')).to(outputTopic(name))
  },
  map(world, fields) {
    const mapper = pairMapper(fields.text('fn'))
    world.put(fields.id, 'stream', from(world, fields).map(mapper))
  },
  selectKey(world, fields) {
    const select = keySelector(fields.text('fn'))
    world.put(fields.id, 'stream', from(world, fields).selectKey(select))
  },
  flatMap(world, fields) {
    const keys = flatValueMapper(fields.text('fn'))
    const next = from(world, fields).flatMap((value) =>
      keys(value).map((key) => ({ key: key as AnyKey, value }))
    )
    world.put(fields.id, 'stream', next)
  },
  flatMapValues(world, fields) {
    const mapper = flatValueMapper(fields.text('fn'))
    world.put(fields.id, 'stream', from(world, fields).flatMapValues(mapper))
  },
  peek(world, fields) {
    const label = fields.text('label')
    const next = from(world, fields).peek((value, key) => {
      world.peeked.push({ label, key, value })
    })
    world.put(fields.id, 'stream', next)
  },
  merge(world, fields) {
    const right = world.get(fields.text('right'), 'stream')
    world.put(fields.id, 'stream', world.get(fields.text('left'), 'stream').merge(right))
  },
  split,
  repartition(world, fields) {
    const serdes = { key: caseKeys, value: caseValues } as never
    world.put(fields.id, 'stream', from(world, fields).repartition(fields.id, serdes))
  },
}

/** Those that streams and tables have: see also `tables.ts`. */
export const streamForms: Operators = {
  filter(world, fields) {
    world.put(fields.id, 'stream', from(world, fields).filter(predicate(fields.text('pred'))))
  },
  filterNot(world, fields) {
    world.put(fields.id, 'stream', from(world, fields).filterNot(predicate(fields.text('pred'))))
  },
  mapValues(world, fields) {
    const mapper = valueMapper(fields.text('fn'))
    const next = from(world, fields).mapValues((value, key): AnyValue => mapper(value, key))
    world.put(fields.id, 'stream', next)
  },
}

function split(world: World, fields: NodeFields): void {
  const branches = fields.list('branches')
  const known = new Set(branches.map((branch) => branch.text('name')))
  const fallback = fields.optionalText('default')
  if (fallback !== undefined && known.has(fallback)) {
    throw new CaseError(`two branches are called '${fallback}'`)
  }
  // The types count branches as they are written down; here they come from a file.
  type Split = {
    branch(name: string, test: unknown): Split
    defaultBranch(name: string): Readonly<Record<string, Kinds['stream']>>
    noDefaultBranch(): Readonly<Record<string, Kinds['stream']>>
  }
  let chain = from(world, fields).split() as unknown as Split
  for (const branch of branches) {
    chain = chain.branch(branch.text('name'), predicate(branch.text('pred')))
  }
  const streams = fallback === undefined ? chain.noDefaultBranch() : chain.defaultBranch(fallback)
  for (const [name, stream] of Object.entries(streams)) {
    world.put(`${fields.id}.${name}`, 'stream', stream)
  }
}

function from(world: World, fields: NodeFields): Kinds['stream'] {
  return world.get(fields.text('from'), 'stream')
}

/** A stream as it is, or the changes of a table. */
function asStream(world: World, id: string): Kinds['stream'] {
  if (world.kindOf(id) === 'stream') return world.get(id, 'stream')
  return world.get(id, 'table').toStream()
}
