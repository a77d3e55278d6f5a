package io.parley.workers.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Bytes of an answer, token by token, to text. A character whose bytes are not all there yet is
 * held back; bytes that cannot become a character any more give U+FFFD, as decoding the whole at
 * once would. Not thread-safe.
 */
public final class IncrementalDecoder {
  private static final int INCOMPLETE_MAX = 3;

  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPLACE)
          .onUnmappableCharacter(CodingErrorAction.REPLACE);

  /** The beginning of a character; ready to be read. */
  private ByteBuffer incomplete = ByteBuffer.allocate(0);

  /** The text that became final with these bytes. */
  public String push(byte[] bytes) {
    return decode(bytes, false);
  }

  /** What is left at the end of the answer: U+FFFD for an incomplete character. */
  public String flush() {
    return decode(new byte[0], true);
  }

  private String decode(byte[] bytes, boolean end) {
    ByteBuffer in = ByteBuffer.allocate(incomplete.remaining() + bytes.length);
    in.put(incomplete).put(bytes).flip();
    // a byte gives at most one char
    CharBuffer out = CharBuffer.allocate(in.remaining() + INCOMPLETE_MAX);
    decoder.decode(in, out, end);
    if (end) {
      decoder.flush(out);
      decoder.reset();
    }
    incomplete = in;
    return out.flip().toString();
  }
}
