/** The application on a real broker, with two instances that come and go. */
import { beforeAll, describe } from 'vitest'
import { itHandsOver } from './support/hand-over-suite.ts'
import { sharedBroker } from './support/shared-broker.ts'

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

describe('an application on a broker', () => {
  itHandsOver('hands tasks over with their state, and restores what was lost', () => ({ brokers }))
})
