/** How a suite gets at the one broker of the run. */
import { inject } from 'vitest'
import type { BrokerAvailability } from './kafka-jars.ts'

declare module 'vitest' {
  interface ProvidedContext {
    sharedBrokerPort: number
  }
}

export interface SharedBroker extends BrokerAvailability {
  readonly brokers: readonly string[]
}

/**
 * Starts it if nobody asked before, which takes some seconds; topics and groups need names of their
 * own. Without Java or Maven it rejects: a suite that silently ran nothing would look green.
 */
export async function sharedBroker(): Promise<readonly string[]> {
  const shared = (await ask('/')) as SharedBroker
  if (!shared.available) throw new Error(`No broker to test with. ${shared.reason}`)
  return shared.brokers
}

/** The URL of the one schema registry of the run, started like the broker; subjects are shared. */
export async function sharedRegistry(): Promise<string> {
  return ((await ask('/registry')) as { readonly url: string }).url
}

async function ask(path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${inject('sharedBrokerPort')}${path}`)
  if (!response.ok) throw new Error(await response.text())
  return await response.json()
}
