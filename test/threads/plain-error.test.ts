import { describe, expect, it } from 'vitest'
import { ConfigError, FatalError, TopologyError } from '../../src/errors.ts'
import { createLogger } from '../../src/log.ts'
import { fromPlainError, toPlainError } from '../../src/threads/plain-error.ts'
import { ThreadLogger, writeLine } from '../../src/threads/thread-logger.ts'

const posted = (error: unknown): Error => fromPlainError(structuredClone(toPlainError(error)))

describe('an error from another thread', () => {
  it('keeps its class, code, message, stack and causes', () => {
    const cause = Object.assign(new TypeError('of a function'), { code: 'ERR_X' })
    const error = new FatalError('MILLRACE_NODE_FAILED', 'A node failed', { cause })
    const found = posted(error)
    expect(found).toBeInstanceOf(FatalError)
    expect(found).toMatchObject({ code: 'MILLRACE_NODE_FAILED', message: 'A node failed' })
    expect(found.stack).toBe(error.stack)
    expect(found.cause).toMatchObject({ name: 'TypeError', message: cause.message, code: 'ERR_X' })
    expect(posted(new TopologyError('MILLRACE_X', 'x'))).toBeInstanceOf(TopologyError)
  })

  it('keeps the faults of wrong settings', () => {
    const found = posted(new ConfigError(['a: wrong', 'b: wrong']))
    expect(found).toBeInstanceOf(ConfigError)
    expect(found).toMatchObject({ faults: ['a: wrong', 'b: wrong'] })
  })

  it('is an error whatever was thrown', () => {
    expect(posted('just a text').message).toBe('just a text')
    expect(posted(undefined).message).toBe('undefined')
  })
})

describe('the log of another thread', () => {
  it('writes its lines as one of the main thread would', () => {
    const lines: string[] = []
    const main = createLogger({ level: 'info', write: (line) => lines.push(line) })
    const tell = (line: Parameters<typeof writeLine>[1]): void =>
      writeLine(main, structuredClone(line))
    const logger = new ThreadLogger(tell, { thread: 2 }).with({ application: 'shop' })
    logger.debug('Not at this level')
    logger.info('Assigned', { tasks: ['0_1'] })
    logger.error('It failed', { error: new FatalError('MILLRACE_X', 'why'), build: () => 1 })
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 'info', msg: 'Assigned', thread: 2, application: 'shop', tasks: ['0_1'] },
      { level: 'error', msg: 'It failed', error: { message: 'why', code: 'MILLRACE_X' } },
    ])
  })
})
