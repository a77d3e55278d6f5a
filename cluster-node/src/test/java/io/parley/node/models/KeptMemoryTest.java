package io.parley.node.models;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.workers.engine.EngineMemory;
import org.junit.jupiter.api.Test;

class KeptMemoryTest {
  private static final EngineMemory SMALL = new EngineMemory(10, 20, 5);
  private static final EngineMemory LARGE = new EngineMemory(40, 80, 5);

  @Test
  void aModelTakesThePlaceOfOneThatHasGoneIfItsKvMemoryFits() {
    KeptMemory kept = new KeptMemory(true);
    assertThat(kept.reusableBytes(SMALL)).isZero();
    kept.left(SMALL);

    assertThat(kept.reusableBytes(SMALL)).isEqualTo(30);
    assertThat(kept.reusableBytes(new EngineMemory(40, 15, 5))).isEqualTo(15 + 10);
    assertThat(kept.reusableBytes(LARGE)).isZero();

    kept.taken(SMALL);
    assertThat(kept.reusableBytes(SMALL)).isZero();
  }

  @Test
  void anEncoderDoesNotTakeTheLargePlace() {
    KeptMemory kept = new KeptMemory(true);
    EngineMemory encoder = new EngineMemory(10, 0, 5);
    kept.left(LARGE);
    kept.left(encoder);

    kept.taken(encoder);

    assertThat(kept.reusableBytes(LARGE)).isEqualTo(120);
  }

  @Test
  void anEngineThatGivesItBackKeepsNothing() {
    KeptMemory kept = new KeptMemory(false);
    kept.left(LARGE);
    assertThat(kept.reusableBytes(SMALL)).isZero();
  }
}
