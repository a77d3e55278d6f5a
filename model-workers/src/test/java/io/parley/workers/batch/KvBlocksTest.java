package io.parley.workers.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class KvBlocksTest {
  @Test
  void growsAllOrNothingAndReusesBlocks() {
    KvBlocks blocks = new KvBlocks(5, 4);
    BlockTable first = new BlockTable();
    BlockTable second = new BlockTable();
    assertThat(blocks.grow(first, 9)).isTrue();
    assertThat(first.size()).isEqualTo(3);
    assertThat(blocks.grow(first, 12)).isTrue();
    assertThat(first.size()).isEqualTo(3);
    assertThat(blocks.grow(second, 9)).isFalse();
    assertThat(second.size()).isZero();
    assertThat(blocks.grow(second, 8)).isTrue();
    assertThat(blocks.freeCount()).isZero();
    Set<Integer> ids = new HashSet<>();
    for (int i = 0; i < 3; i++) {
      ids.add(first.get(i));
    }
    ids.add(second.get(0));
    ids.add(second.get(1));
    assertThat(ids).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
    blocks.release(first);
    assertThat(blocks.freeCount()).isEqualTo(3);
    assertThat(blocks.grow(second, 20)).isTrue();
    assertThat(second.row(7)).hasSize(7).endsWith(0, 0);
  }

  @Test
  void freeingTwiceIsAnError() {
    KvBlocks blocks = new KvBlocks(2, 1);
    BlockTable table = new BlockTable();
    blocks.grow(table, 1);
    int block = table.get(0);
    blocks.release(table);
    assertThatThrownBy(() -> blocks.release(block)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> blocks.retain(block)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void blockIsFreeWhenItsLastHolderLetsGo() {
    KvBlocks blocks = new KvBlocks(1, 1);
    BlockTable table = new BlockTable();
    blocks.grow(table, 1);
    blocks.retain(table.get(0));
    blocks.release(table.get(0));
    assertThat(blocks.freeCount()).isZero();
    blocks.release(table);
    assertThat(blocks.freeCount()).isEqualTo(1);
  }
}
