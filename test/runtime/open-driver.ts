/** A driver that ends with its test. */
import { onTestFinished } from 'vitest'
import { type TestDriverOptions, TopologyTestDriver } from '../../src/testing/index.ts'
import type { Topology } from '../../src/topology/topology.ts'

export async function openDriver(
  topology: Topology,
  options?: TestDriverOptions
): Promise<TopologyTestDriver> {
  const driver = await TopologyTestDriver.open(topology, options)
  onTestFinished(() => driver.close())
  return driver
}
