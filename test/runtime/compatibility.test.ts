/** Going on with state that an earlier version of the topology wrote. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { float64, string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'

const words = topic('words', { key: string(), value: string() })
const counts = topic('counts', { key: string(), value: nullable(float64()) })
const lengths = topic('lengths', { key: string(), value: nullable(float64()) })

type Draw = (builder: StreamsBuilder) => void

function build(...draws: readonly Draw[]): Topology {
  const builder = new StreamsBuilder()
  for (const draw of draws) draw(builder)
  return builder.build()
}

const countWords: Draw = (builder) => {
  const grouped = builder.stream(words).groupBy((word) => word, { key: string() })
  grouped.count('by-word').toStream().to(counts)
}

const addLengths: Draw = (builder) => {
  const grouped = builder.stream(words).groupBy((word) => word, { key: string() })
  const sum = (total: number, word: string): number => total + word.length
  grouped
    .aggregate('by-word', () => 0, sum, { value: float64() })
    .toStream()
    .to(lengths)
}

const countLetters: Draw = (builder) => {
  const grouped = builder.stream(words).groupBy((word) => word.charAt(0), { key: string() })
  grouped.count('by-letter').toStream().to(lengths)
}

async function running(topology: Topology): Promise<TopologyTestDriver> {
  const driver = await TopologyTestDriver.open(topology, { partitions: 2 })
  onTestFinished(() => driver.close())
  return driver
}

async function count(driver: TopologyTestDriver, ...said: readonly string[]): Promise<unknown> {
  for (const word of said) await driver.input(words).pipe(word, word)
  return driver
    .output(counts)
    .readAll()
    .map(({ key, value }) => [key, value])
}

describe('a topology that takes over the state of another', () => {
  it('is refused with the list of differences, and leaves the state to the old one', async () => {
    const driver = await running(build(countWords))
    await count(driver, 'ann', 'ann')
    await driver.crash()
    await expect(driver.restart({ topology: build(addLengths) })).rejects.toMatchObject({
      code: 'MILLRACE_TOPOLOGY_INCOMPATIBLE',
      message: expect.stringMatching(
        /store 'by-word': it holds count by string, and would hold float64[\s\S]*Ways out/
      ),
    })
    await driver.restart({ topology: build(countWords) })
    expect(await count(driver, 'ann')).toEqual([['ann', 3]])
  })

  it('is refused on an empty disk too: the commits say what they are of', async () => {
    const driver = await running(build(countWords))
    await count(driver, 'ann')
    await driver.crash()
    await expect(driver.restart({ topology: build(addLengths), wipe: true })).rejects.toMatchObject(
      {
        code: 'MILLRACE_TOPOLOGY_INCOMPATIBLE',
        message: expect.stringMatching(
          /task 1_[01] has committed[\s\S]*'by-word' held something else/
        ),
      }
    )
  })

  it('is refused although the description is damaged', async () => {
    const driver = await running(build(countWords))
    await count(driver, 'ann')
    const path = join(driver.directory(), 'topology.json')
    await driver.crash()
    await writeFile(path, '{"format":1,"topo')
    await expect(driver.restart({ topology: build(addLengths) })).rejects.toMatchObject({
      code: 'MILLRACE_TOPOLOGY_INCOMPATIBLE',
    })
  })

  it('goes on with another operator, with a new store, and with other numbers', async () => {
    const driver = await running(build(countWords))
    expect(await count(driver, 'ann', 'bob', 'ann')).toEqual([
      ['ann', 1],
      ['bob', 1],
      ['ann', 2],
    ])
    await driver.crash()
    const copy: Draw = (builder) => builder.stream(words).peek(() => {})
    // The new aggregate comes first: tasks of the old one get another number, and directory.
    await driver.restart({ topology: build(countLetters, copy, countWords) })
    expect(await count(driver, 'ann', 'bob')).toEqual([
      ['ann', 3],
      ['bob', 2],
    ])
    expect(driver.output(lengths).readAll().length).toBe(2)
    await driver.crash()
    await driver.restart({ topology: build(countWords) })
    expect(await count(driver, 'ann')).toEqual([['ann', 4]])
  })

  it('starts empty under another name', async () => {
    const driver = await running(build(countWords))
    await count(driver, 'ann')
    await driver.crash()
    const renamed: Draw = (builder) => {
      const grouped = builder.stream(words).groupBy((word) => word, { key: string() })
      grouped.count('by-word-2').toStream().to(counts)
    }
    await driver.restart({ topology: build(renamed) })
    expect(await count(driver, 'ann')).toEqual([['ann', 1]])
  })
})
