package io.parley.sessions.domain;

import io.parley.routing.protocol.Token;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The tokens of an answer, immutable. Appending shares what was there: the chunks form a list from
 * the newest to the oldest, so a group costs its own size (and at most one small chunk), not the
 * answer's. A reader near the end touches only the newest chunks.
 */
public final class Answer {
  /** Groups are merged into chunks of up to this many tokens, so that chunks stay few. */
  private static final int CHUNK_TOKENS = 64;

  private static final Answer EMPTY = new Answer(null, 0, 0, 0);

  private record Chunk(Chunk older, int firstIndex, List<Token> tokens) {}

  private final Chunk newest;
  private final int size;
  private final long textBytes;
  private final long storedBytes;

  private Answer(Chunk newest, int size, long textBytes, long storedBytes) {
    this.newest = newest;
    this.size = size;
    this.textBytes = textBytes;
    this.storedBytes = storedBytes;
  }

  /** No token yet. */
  public static Answer empty() {
    return EMPTY;
  }

  /** An answer of these tokens. */
  public static Answer of(List<Token> tokens) {
    return EMPTY.append(tokens);
  }

  /** This answer and {@code tokens} after it. */
  public Answer append(List<Token> tokens) {
    if (tokens.isEmpty()) {
      return this;
    }
    long text = textBytes;
    long stored = storedBytes;
    for (Token token : tokens) {
      text += Weight.utf8(token.text());
      stored += Weight.of(token);
    }
    Chunk chunk;
    if (newest != null && newest.tokens().size() + tokens.size() <= CHUNK_TOKENS) {
      List<Token> merged = new ArrayList<>(newest.tokens().size() + tokens.size());
      merged.addAll(newest.tokens());
      merged.addAll(tokens);
      chunk = new Chunk(newest.older(), newest.firstIndex(), List.copyOf(merged));
    } else {
      chunk = new Chunk(newest, size, List.copyOf(tokens));
    }
    return new Answer(chunk, size + tokens.size(), text, stored);
  }

  /** How many tokens there are. */
  public int size() {
    return size;
  }

  /** UTF-8 bytes of the text. */
  public long textBytes() {
    return textBytes;
  }

  /** Bytes of the tokens as stored, with their log-probabilities. */
  public long storedBytes() {
    return storedBytes;
  }

  /**
   * Tokens from {@code from} on: at most {@code tokensMax}, and no more than {@code bytesMax} of
   * stored bytes unless the first token alone is larger.
   */
  public List<Token> slice(int from, int tokensMax, long bytesMax) {
    List<Token> slice = new ArrayList<>();
    long bytes = 0;
    for (Chunk chunk : chunksFrom(from)) {
      List<Token> tokens = chunk.tokens();
      for (int i = Math.max(0, from - chunk.firstIndex()); i < tokens.size(); i++) {
        bytes += Weight.of(tokens.get(i));
        if (slice.size() == tokensMax || (bytes > bytesMax && !slice.isEmpty())) {
          return slice;
        }
        slice.add(tokens.get(i));
      }
    }
    return slice;
  }

  /** All tokens, in order. */
  public List<Token> tokens() {
    return slice(0, Integer.MAX_VALUE, Long.MAX_VALUE);
  }

  /** The ids of all tokens, in order. */
  public List<Integer> ids() {
    return tokens().stream().map(Token::id).toList();
  }

  /** The texts of all tokens, joined. */
  public String text() {
    StringBuilder text = new StringBuilder();
    for (Chunk chunk : chunksFrom(0)) {
      chunk.tokens().forEach(token -> text.append(token.text()));
    }
    return text.toString();
  }

  /** Oldest first, and without those that end at or before {@code from}. */
  private Deque<Chunk> chunksFrom(int from) {
    Deque<Chunk> chunks = new ArrayDeque<>();
    Chunk chunk = newest;
    while (chunk != null && chunk.firstIndex() + chunk.tokens().size() > from) {
      chunks.addFirst(chunk);
      chunk = chunk.older();
    }
    return chunks;
  }

  /** Answers of the same tokens are equal, however they were grouped. */
  @Override
  public boolean equals(Object other) {
    return other instanceof Answer that && size == that.size && tokens().equals(that.tokens());
  }

  @Override
  public int hashCode() {
    return size;
  }

  /** The size alone: an answer's text is never logged. */
  @Override
  public String toString() {
    return "Answer[" + size + " tokens]";
  }
}
