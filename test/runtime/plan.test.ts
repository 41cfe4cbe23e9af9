import { describe, expect, it } from 'vitest'
import { makePlan, sourceRequirements } from '../../src/runtime/plan.ts'
import type { TopologyTopic } from '../../src/topology/topology.ts'
import {
  countTopology,
  FunctionOperator,
  node,
  source,
  textTopic,
  topologyOf,
} from './small-topology.ts'

const nothing = () => new FunctionOperator(() => {})

function repartitioned(partitions?: number) {
  const topology = topologyOf({
    nodes: [
      source('one', textTopic('one')),
      source('two', textTopic('two')),
      node('send', ['one', 'two'], nothing, { topic: 'by-user' }),
      source('again', textTopic('by-user'), { internal: true }),
      node('end', 'again', nothing),
    ],
    sources: ['one', 'two'],
    sinks: [],
    repartitions: ['by-user'],
  })
  if (partitions === undefined) return topology
  const topics = topology.topics.map(
    (topic): TopologyTopic => (topic.role === 'repartition' ? { ...topic, partitions } : topic)
  )
  return { ...topology, topics }
}

describe('a plan', () => {
  it('has a task for each sub-topology and partition', () => {
    const plan = makePlan(
      repartitioned(2),
      'app',
      new Map([
        ['one', 1],
        ['two', 3],
      ])
    )
    expect(plan.tasks.map(({ id, sources }) => [id, sources.map(({ topic }) => topic)])).toEqual([
      ['0_0', ['one', 'two']],
      ['0_1', ['two']],
      ['0_2', ['two']],
      ['1_0', ['app-by-user-repartition']],
      ['1_1', ['app-by-user-repartition']],
    ])
    expect(plan.producerCounts.get('by-user')).toBe(3)
    expect(plan.partitionCounts.get('app-by-user-repartition')).toBe(2)
  })

  it('gives a repartition topic as many partitions as its writers have tasks', () => {
    const plan = makePlan(
      repartitioned(),
      'app',
      new Map([
        ['one', 1],
        ['two', 3],
      ])
    )
    expect(plan.requirements).toMatchObject([
      { name: 'one', role: 'source' },
      { name: 'two', role: 'source' },
      { name: 'app-by-user-repartition', role: 'repartition', partitions: 3, create: true },
    ])
  })

  it('gives a changelog as many partitions as its sub-topology has tasks', () => {
    const plan = makePlan(countTopology(), 'app', new Map([['in', 4]]))
    expect(plan.requirements.at(-1)).toEqual({
      name: 'app-counts-changelog',
      role: 'changelog',
      partitions: 4,
      config: { 'cleanup.policy': 'compact' },
      create: true,
    })
  })

  it('keeps a day of changelog from compaction at least once', () => {
    const counts = new Map([['in', 1]])
    const { requirements } = makePlan(countTopology(), 'app', counts, 'at_least_once')
    const lags = requirements.map(({ name, config }) => [name, config?.['min.compaction.lag.ms']])
    expect(lags).toEqual([
      ['in', undefined],
      ['out', undefined],
      ['app-counts-changelog', '86400000'],
    ])
  })

  it('asks first for what is read', () => {
    expect(sourceRequirements(countTopology())).toEqual([
      { name: 'in', role: 'source', config: {}, create: false },
    ])
  })

  it('refuses a topic whose number hangs on itself', () => {
    const topology = repartitioned()
    const topics = topology.topics.map(
      (topic): TopologyTopic =>
        topic.role === 'repartition' ? { ...topic, partitions: { sameAs: ['by-user'] } } : topic
    )
    expect(() =>
      makePlan(
        { ...topology, topics },
        'app',
        new Map([
          ['one', 1],
          ['two', 1],
        ])
      )
    ).toThrow("topic 'by-user' depends on itself")
  })
})
