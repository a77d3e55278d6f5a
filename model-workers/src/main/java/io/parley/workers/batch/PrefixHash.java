package io.parley.workers.batch;

import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.TenantId;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * Names a KV block by what it holds and by all that stands before it: the SHA-256 of the hash of
 * the block before and of its own tokens. The chain begins with model and tenant, so equal prompts
 * of two tenants have nothing in common here.
 */
record PrefixHash(long first, long second, long third, long fourth) {

  /** Makes hashes; not thread-safe. */
  static final class Chain {
    private final MessageDigest sha256;
    private final ByteBuffer block; // the hash before, then the tokens

    Chain(int blockSize) {
      try {
        sha256 = MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
      block = ByteBuffer.allocate(4 * Long.BYTES + blockSize * Integer.BYTES);
    }

    /** Where the prompts of a tenant begin. */
    PrefixHash root(ModelId model, TenantId tenant) {
      // neither has a line feed in it
      String text = "parley kv prefix\n" + model + "\n" + tenant + "\n";
      return of(ByteBuffer.wrap(sha256.digest(text.getBytes(StandardCharsets.UTF_8))));
    }

    /** The block of tokens after {@code before}. */
    PrefixHash next(PrefixHash before, int[] tokens, int from, int to) {
      block.clear();
      block.putLong(before.first).putLong(before.second);
      block.putLong(before.third).putLong(before.fourth);
      for (int i = from; i < to; i++) {
        block.putInt(tokens[i]);
      }
      sha256.update(block.flip());
      return of(ByteBuffer.wrap(sha256.digest()));
    }

    private static PrefixHash of(ByteBuffer digest) {
      return new PrefixHash(digest.getLong(), digest.getLong(), digest.getLong(), digest.getLong());
    }
  }
}
