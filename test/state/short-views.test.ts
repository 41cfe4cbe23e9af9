import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShortViews } from '../../state/short-views.ts'

test('texts and bytes of any length are shown as they are, until the next', () => {
  const views = new ShortViews()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(5), (inner, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before), inner, Buffer.from('behind')])
      const shown = views.ofBytes(bytes, before, before + inner.length)
      expect(shown === undefined).toBe(inner.length > 64)
      if (shown !== undefined) expect([...shown]).toEqual([...inner])
      const text = Buffer.from(inner).toString('latin1')
      expect([...views.ofText(text)]).toEqual([...inner])
    })
  )
})
