/** Claim: both flavours of the embedded log keep the contract that the Kafka adapter keeps. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { describeLogPort } from '../support/log-port-suite.ts'

describeLogPort('embedded, in memory', async () => {
  const log = EmbeddedLog.inMemory({ clock: systemClock })
  return {
    open: async (applicationId) => log.client(applicationId),
    close: () => log.close(),
  }
})

describeLogPort('embedded, durable', async () => {
  const path = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  return {
    open: (group) => EmbeddedLog.open({ path, group, clock: systemClock }),
    close: async () => rmSync(path, { recursive: true, force: true }),
  }
})
