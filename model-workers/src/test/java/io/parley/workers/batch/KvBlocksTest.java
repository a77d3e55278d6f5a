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
    assertThatThrownBy(() -> blocks.publish(block, hash(1), new int[] {1}, 0))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> blocks.forget(block)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void blockIsFreeWhenItsLastHolderLetsGo() {
    KvBlocks blocks = new KvBlocks(1, 1);
    BlockTable table = new BlockTable();
    blocks.grow(table, 1);
    blocks.publish(table.get(0), hash(1), new int[] {7}, 0);
    assertThat(blocks.hold(hash(1), new int[] {7}, 0)).isEqualTo(table.get(0));
    blocks.release(table.get(0));
    assertThat(blocks.freeCount()).isZero();
    blocks.release(table);
    assertThat(blocks.freeCount()).isEqualTo(1);
    assertThat(blocks.cachedCount()).isEqualTo(1);
  }

  @Test
  void equalHashOfOtherTokensIsNotFound() {
    KvBlocks blocks = new KvBlocks(2, 2);
    BlockTable table = new BlockTable();
    blocks.grow(table, 2);
    blocks.publish(table.get(0), hash(1), new int[] {0, 5, 6}, 1);
    assertThat(blocks.hold(hash(1), new int[] {5, 7}, 0)).isEqualTo(-1);
    assertThat(blocks.hold(hash(2), new int[] {5, 6}, 0)).isEqualTo(-1);
    assertThat(blocks.hold(hash(1), new int[] {5, 6}, 0)).isEqualTo(table.get(0));
  }

  @Test
  void cachedBlocksAreTakenLastAndTheLongestUnusedFirst() {
    KvBlocks blocks = new KvBlocks(4, 1);
    BlockTable prefix = new BlockTable();
    blocks.grow(prefix, 3);
    int[] tokens = {1, 2, 3};
    for (int i = 0; i < 3; i++) {
      blocks.publish(prefix.get(i), hash(i), tokens, i);
    }
    int first = prefix.get(0);
    blocks.release(prefix);
    BlockTable other = new BlockTable();
    blocks.grow(other, 1); // the empty one
    assertThat(blocks.cachedCount()).isEqualTo(3);
    blocks.grow(other, 2); // the end of the prefix
    assertThat(blocks.hold(hash(2), tokens, 2)).isEqualTo(-1);
    assertThat(blocks.hold(hash(0), tokens, 0)).isEqualTo(first);
    assertThat(blocks.grow(other, 4)).as("a held block is not taken").isFalse();
    blocks.release(first); // now the one used last
    blocks.grow(other, 3);
    assertThat(blocks.hold(hash(1), tokens, 1)).isEqualTo(-1);
    assertThat(blocks.hold(hash(0), tokens, 0)).isEqualTo(first);
  }

  @Test
  void ofTwoBlocksWithTheSameContentOneIsCached() {
    KvBlocks blocks = new KvBlocks(2, 1);
    BlockTable one = new BlockTable();
    BlockTable two = new BlockTable();
    blocks.grow(one, 1);
    blocks.grow(two, 1);
    blocks.publish(one.get(0), hash(1), new int[] {1}, 0);
    blocks.publish(two.get(0), hash(1), new int[] {1}, 0);
    blocks.release(one);
    blocks.release(two);
    assertThat(blocks.cachedCount()).isEqualTo(1);
    assertThat(blocks.freeCount()).isEqualTo(2);
  }

  @Test
  void forgottenBlockIsEmptyWhenLetGo() {
    KvBlocks blocks = new KvBlocks(1, 1);
    BlockTable table = new BlockTable();
    blocks.grow(table, 1);
    blocks.publish(table.get(0), hash(1), new int[] {1}, 0);
    blocks.forget(table.get(0));
    blocks.release(table);
    assertThat(blocks.cachedCount()).isZero();
    assertThat(blocks.freeCount()).isEqualTo(1);
  }

  @Test
  void tailIsTakenOnceAndTheOldestGoesForOneTooMany() {
    int most = PrefixIndex.TAILS_MAX;
    KvBlocks blocks = new KvBlocks(most + 1, 4);
    BlockTable table = new BlockTable();
    blocks.grow(table, 4 * (most + 1));
    for (int i = 0; i <= most; i++) {
      blocks.releaseTail(table.get(i), hash(1), new int[] {9, i, i, i}, 1, 4);
    }
    assertThat(blocks.cachedCount()).isEqualTo(most);
    assertThat(blocks.freeCount()).isEqualTo(most + 1);
    assertThat(blocks.takeTail(hash(1), new int[] {0, 0, 0, 0}, 0, 4)).as("dropped").isEmpty();
    assertThat(blocks.takeTail(hash(2), new int[] {5, 5, 5, 5}, 0, 4)).isEmpty();
    assertThat(blocks.takeTail(hash(1), new int[] {5, 0, 0}, 0, 3)).as("a third fits").isEmpty();
    var taken = blocks.takeTail(hash(1), new int[] {5, 5, 0}, 0, 3).orElseThrow();
    assertThat(taken).isEqualTo(new PrefixIndex.Tail(table.get(5), 2));
    assertThat(blocks.cachedCount()).isEqualTo(most - 1);
    assertThat(blocks.takeTail(hash(1), new int[] {5, 5, 5}, 0, 3)).as("it is held").isEmpty();
    blocks.release(taken.block());
    assertThat(blocks.cachedCount()).isEqualTo(most - 1);
    assertThat(blocks.freeCount()).isEqualTo(most + 1);
  }

  private static PrefixHash hash(long value) {
    return new PrefixHash(value, 0, 0, 0);
  }
}
