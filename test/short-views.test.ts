import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ShortViews } from '../src/short-views.ts'

test('texts and bytes of any length are shown as they are, until the next', () => {
  const views = new ShortViews()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(5), (inner, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before), inner, Buffer.from('behind')])
      const shown = views.ofBytes(bytes, before, before + inner.length)
      expect(shown === undefined).toBe(inner.length > 64)
      if (shown !== undefined) expect([...shown]).toEqual([...inner])
      const text = Buffer.from(inner).toString('latin1')
      const ofLatin1 = views.ofLatin1(text)
      expect(ofLatin1 === undefined).toBe(inner.length > 64)
      if (ofLatin1 !== undefined) expect([...ofLatin1]).toEqual([...inner])
      const isAscii = inner.every((byte) => byte < 0x80)
      const ofAscii = views.ofAscii(text)
      expect(ofAscii === undefined).toBe(inner.length > 64 || !isAscii)
      if (ofAscii !== undefined) expect([...ofAscii]).toEqual([...inner])
    })
  )
})
