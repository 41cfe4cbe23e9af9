/**
 * One real broker, and one schema registry, for a whole run of tests, each started when the first
 * suite asks for it. The main
 * process of the run owns it; suites ask over a port that vitest hands down.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { brokerAvailability, type RunningBroker, startBroker } from './kafka-broker.ts'
import { type RunningRegistry, startRegistry } from './schema-registry.ts'
import type { SharedBroker } from './shared-broker.ts'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<RunningBroker> | undefined
  let registry: Promise<RunningRegistry> | undefined
  const answer = async (): Promise<SharedBroker> => {
    const brokers = process.env['KAFKA_BROKERS']?.split(',')
    if (brokers) return { available: true, reason: '', brokers }
    const availability = await brokerAvailability()
    if (!availability.available) return { ...availability, brokers: [] }
    starting ??= startBroker()
    return { ...availability, brokers: (await starting).brokers }
  }
  const registryUrl = async (): Promise<object> => {
    registry ??= startRegistry()
    return { url: (await registry).url }
  }
  const server = createServer((request, response) => {
    const asked: Promise<object> = request.url === '/registry' ? registryUrl() : answer()
    asked.then(
      (shared) => response.end(JSON.stringify(shared)),
      (error: unknown) => response.writeHead(500).end(String(error))
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  project.provide('sharedBrokerPort', (server.address() as AddressInfo).port)
  return async () => {
    server.close()
    await (await starting)?.stop()
    await (await registry)?.stop()
  }
}
