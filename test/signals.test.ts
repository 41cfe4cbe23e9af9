import { describe, expect, it, onTestFinished } from 'vitest'
import { ManualClock } from '../src/clock.ts'
import { onTermination } from '../src/signals.ts'

function listen() {
  const clock = new ManualClock(0)
  const heard: (string | number)[] = []
  const stop = (signal: string): unknown => heard.push(signal)
  onTestFinished(onTermination({ stop, force: (status) => heard.push(status) }, clock))
  return { clock, heard }
}

describe('signals', () => {
  it('ask for an orderly end', () => {
    const { heard } = listen()
    process.emit('SIGTERM', 'SIGTERM')
    expect(heard).toEqual(['SIGTERM'])
  })

  it('within a second count as one, as Ctrl-C reaches the whole group', () => {
    const { clock, heard } = listen()
    process.emit('SIGINT', 'SIGINT')
    process.emit('SIGINT', 'SIGINT')
    clock.advance(1_000)
    process.emit('SIGTERM', 'SIGTERM')
    expect(heard).toEqual(['SIGINT'])
  })

  it('that come later end the process at once, with their own status', () => {
    const { clock, heard } = listen()
    process.emit('SIGINT', 'SIGINT')
    clock.advance(1_001)
    process.emit('SIGINT', 'SIGINT')
    process.emit('SIGTERM', 'SIGTERM')
    expect(heard).toEqual(['SIGINT', 130, 143])
  })

  it('are left alone once nobody listens', () => {
    const before = process.listenerCount('SIGTERM')
    onTermination({ stop: () => {}, force: () => {} })()
    expect(process.listenerCount('SIGTERM')).toBe(before)
  })
})
