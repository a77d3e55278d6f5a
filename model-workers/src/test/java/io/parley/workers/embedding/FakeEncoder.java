package io.parley.workers.embedding;

import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.workers.engine.Encoder;
import io.parley.workers.engine.EncoderSpec;
import io.parley.workers.engine.EngineException;
import io.parley.workers.text.TextTokenizer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;

/**
 * An encoder whose token is a character and whose vector is a text's length and first token. Its
 * batches wait to be let through, where a test wants it.
 */
final class FakeEncoder implements Encoder, TextTokenizer {
  static final ModelInfo MODEL =
      new ModelInfo(ModelId.parse("fake@1"), 8, 0, "tests", "Apache-2.0", 2);

  /** Batches that may run. */
  final Semaphore permits;

  final List<List<Integer>> batches = new CopyOnWriteArrayList<>();
  volatile boolean broken;
  volatile boolean closed;

  FakeEncoder(int permits) {
    this.permits = new Semaphore(permits);
  }

  EncoderReplica replica() {
    return new EncoderReplica(MODEL, this, this);
  }

  @Override
  public EncoderSpec spec() {
    return new EncoderSpec(128, MODEL.contextLength(), MODEL.dimensions(), "fake");
  }

  @Override
  public int[] encode(String text) {
    return text.chars().toArray();
  }

  @Override
  public float[][] embed(List<int[]> texts) {
    permits.acquireUninterruptibly();
    batches.add(texts.stream().map(text -> text[0]).toList());
    if (broken) {
      throw new EngineException("broken", null);
    }
    return texts.stream().map(text -> new float[] {text.length, text[0]}).toArray(float[][]::new);
  }

  @Override
  public void close() {
    closed = true;
  }
}
