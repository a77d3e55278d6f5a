package io.parley.workers.reproduce;

import io.parley.workers.sampling.LogProbs;
import io.parley.workers.sampling.NearDraw;
import io.parley.workers.sampling.Sampler;
import io.parley.workers.text.Tokenizer;
import java.nio.charset.StandardCharsets;

/** What drawing needs of memory, for one thread at a time. */
final class Drawer {
  final Sampler sampler;
  final LogProbs logProbs;
  private final int vocabularySize;
  private NearDraw near;

  Drawer(int vocabularySize, Tokenizer tokenizer) {
    this.vocabularySize = vocabularySize;
    sampler = new Sampler(vocabularySize);
    logProbs =
        new LogProbs(
            vocabularySize, id -> new String(tokenizer.bytes(id), StandardCharsets.ISO_8859_1));
  }

  /** Made when it is first asked for: where all bits are the same it never is. */
  NearDraw near() {
    if (near == null) {
      near = new NearDraw(vocabularySize);
    }
    return near;
  }
}
