/** Runs one case in the test driver: step by step, until nothing is left to do after each. */
import { type TestRecord, TopologyTestDriver } from '../../src/testing/index.ts'
import { build } from './adapter/build.ts'
import { inputTopic, outputTopic } from './adapter/serdes.ts'
import { storesOf } from './adapter/stores.ts'
import type { World } from './adapter/world.ts'
import type { Case, CaseHeaders, CaseKey, CaseRecord, CaseResult, CaseStep } from './case.ts'
import { CaseError } from './case.ts'
import type { AnyKey, AnyValue } from './functions/text.ts'

/** Rejects with a CaseError where the case itself makes no sense. */
export async function runCase(one: Case): Promise<CaseResult> {
  let built: ReturnType<typeof build>
  try {
    built = build(one)
  } catch (error) {
    return refused(error)
  }
  const { topology, world } = built
  let driver: TopologyTestDriver
  try {
    driver = await TopologyTestDriver.open(topology)
  } catch (error) {
    return refused(error)
  }
  const outputs = new Outputs(world, driver)
  try {
    for (const [step, action] of one.steps.entries()) {
      try {
        await take(driver, action)
      } catch (error) {
        return { outputs: outputs.records, error: { step, message: messageOf(error) } }
      }
      outputs.collect(step)
    }
    const stores = await storesOf(driver, world, one.steps)
    return { outputs: outputs.records, stores, dropped: droppedBy(driver) }
  } finally {
    await driver.close()
  }
}

/** The topology, not the case, is at fault: a result as any other. */
function refused(error: unknown): CaseResult {
  if (error instanceof CaseError) throw error
  return { outputs: {}, error: { step: -1, message: messageOf(error) } }
}

export async function take(driver: TopologyTestDriver, step: CaseStep): Promise<void> {
  if ('advanceWallClockMs' in step) {
    await driver.advanceWallClock(step.advanceWallClockMs)
    return
  }
  const { topic, key, value, ts, headers = {} } = step.pipe
  const bytes = Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const)
  await driver.input(inputTopic(topic)).pipe(key, value, ts, bytes)
}

/** What came out, with the step that it came out in. */
export class Outputs {
  readonly records: Record<string, CaseRecord[]> = {}
  readonly #world: World
  readonly #driver: TopologyTestDriver

  constructor(world: World, driver: TopologyTestDriver) {
    this.#world = world
    this.#driver = driver
    for (const name of world.outputs) this.records[name] = []
  }

  collect(step: number): void {
    for (const name of this.#world.outputs) {
      const found = this.#driver.output(outputTopic(name)).readAll()
      this.records[name]?.push(...found.map((record) => caseRecord(step, record)))
    }
    for (const { label, key, value } of this.#world.peeked.splice(0)) {
      const name = `peek:${label}`
      this.records[name] ??= []
      this.records[name].push({ step, key: caseKey(key), value })
    }
  }
}

function caseRecord(step: number, record: TestRecord<AnyKey, AnyValue>): CaseRecord {
  const { key, value, timestamp, headers } = record
  const texts: CaseHeaders = Object.fromEntries(
    headers.map(([name, bytes]) => [name, Buffer.from(bytes ?? []).toString()])
  )
  return {
    step,
    key: caseKey(key),
    value,
    ts: timestamp,
    ...(headers.length === 0 ? {} : { headers: texts }),
  }
}

function caseKey(key: AnyKey): CaseKey {
  if (key === null || typeof key === 'string') return key
  const { start, end } = key.window
  return { key: key.key, start, end: Number.isFinite(end) ? end : null }
}

/** Records without a key that end before a repartition are counted here, and not in Java. */
function droppedBy(driver: TopologyTestDriver): number {
  const { ungrouped = 0, ...others } = driver.dropped()
  return Object.values(others).reduce((sum, count) => sum + count, 0)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
