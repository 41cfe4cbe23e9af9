import { expect, it } from 'vitest'
import { Lifecycle } from '../../src/runtime/lifecycle.ts'

it('goes only where its table leads', () => {
  const door = new Lifecycle<'open' | 'shut' | 'gone'>('A door', 'shut', {
    open: ['shut'],
    shut: ['open', 'gone'],
    gone: [],
  })
  door.to('open')
  expect(door.state).toBe('open')
  expect(() => door.to('gone')).toThrow('A door cannot go from open to gone')
  door.to('shut')
  door.to('gone')
  expect(door.is('open', 'gone')).toBe(true)
  expect(() => door.to('open')).toThrow('from gone to open')
})
