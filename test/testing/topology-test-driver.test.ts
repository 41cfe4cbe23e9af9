import { describe, expect, it, onTestFinished } from 'vitest'
import { type TestDriverOptions, TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { countTopic, countTopology, filterTopology, textTopic } from '../runtime/small-topology.ts'

const input = textTopic('in')
const texts = textTopic('out')
const counts = countTopic('out')

async function open(topology: Topology, options?: TestDriverOptions) {
  const driver = await TopologyTestDriver.open(topology, options)
  onTestFinished(() => driver.close())
  return driver
}

describe('the test driver', () => {
  it('runs a filter from one topic to another', async () => {
    const driver = await open(filterTopology((word) => word.length > 3))
    await driver.input(input).pipe('a', 'one', 5)
    await driver.input(input).pipe('b', 'three', 6)
    expect(driver.output(texts).readPairs()).toEqual([['b', 'three']])
  })

  it('puts out every update, one commit a record', async () => {
    const driver = await open(countTopology())
    await driver.input(input).pipe('a', 'x', 5)
    await driver.input(input).pipe('a', 'x', 6)
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 1n],
      ['a', 2n],
    ])
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 2 }]])
  })
})
