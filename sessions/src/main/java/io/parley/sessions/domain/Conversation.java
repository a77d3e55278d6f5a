package io.parley.sessions.domain;

import io.parley.routing.protocol.Message;
import io.parley.sessions.domain.Entry.Added;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a session has said so far, without a turn that still runs.
 *
 * @param createdAt milliseconds since the epoch
 * @param fingerprint a hash over what was asked when it was made; absent if an early version of
 *     Parley made it
 * @param history what it started with
 * @param entries added messages and ended turns, oldest first
 * @param textBytes UTF-8 bytes of all its text, kept up with the entries
 * @param storedBytes bytes of its text and tokens as stored, likewise
 */
public record Conversation(
    long createdAt,
    Optional<String> fingerprint,
    Map<String, String> metadata,
    List<Message> history,
    List<Entry> entries,
    long textBytes,
    long storedBytes) {

  public Conversation {
    metadata = Map.copyOf(metadata);
    history = List.copyOf(history);
    entries = List.copyOf(entries);
  }

  /** A conversation of these parts, weighed. */
  public static Conversation of(
      long createdAt,
      Optional<String> fingerprint,
      Map<String, String> metadata,
      List<Message> history,
      List<Entry> entries) {
    long start = Weight.of(metadata) + Weight.of(history);
    long text = start + entries.stream().mapToLong(Entry::textBytes).sum();
    long stored = start + entries.stream().mapToLong(Entry::storedBytes).sum();
    return new Conversation(createdAt, fingerprint, metadata, history, entries, text, stored);
  }

  /** The ended turns, oldest first. */
  public List<EndedTurn> turns() {
    return entries.stream().filter(EndedTurn.class::isInstance).map(EndedTurn.class::cast).toList();
  }

  /** The ended turn of this number. Turns end in the order of their numbers. */
  public Optional<EndedTurn> turn(int number) {
    return turns().stream().filter(turn -> turn.spec().number() == number).findFirst();
  }

  /** The ended turn that this idempotency key means. */
  Optional<EndedTurn> turnOf(String key) {
    return turns().stream().filter(turn -> turn.spec().key().equals(key)).findFirst();
  }

  /** The messages that were added with this idempotency key. */
  Optional<Added> addedWith(String key) {
    return entries.stream()
        .filter(e -> e instanceof Added added && added.key().equals(key))
        .map(Added.class::cast)
        .findFirst();
  }

  /**
   * The number of the addition that this idempotency key means, from 1 in the order of additions.
   */
  public int additionOf(String key) {
    List<String> keys =
        entries.stream()
            .filter(Added.class::isInstance)
            .map(entry -> ((Added) entry).key())
            .toList();
    return keys.indexOf(key) + 1;
  }

  /** Whether something else was asked when the conversation was made. */
  boolean madeByAnother(String request) {
    return fingerprint.isPresent() && !fingerprint.get().equals(request);
  }

  int turnCount() {
    return turns().size();
  }

  /** All messages that a next turn sees, oldest first. */
  public List<Message> messages() {
    List<Message> messages = new ArrayList<>(history);
    entries.forEach(entry -> messages.addAll(entry.messages()));
    return messages;
  }

  Conversation with(Entry entry) {
    List<Entry> longer = new ArrayList<>(entries.size() + 1);
    longer.addAll(entries);
    longer.add(entry);
    return new Conversation(
        createdAt,
        fingerprint,
        metadata,
        history,
        longer,
        textBytes + entry.textBytes(),
        storedBytes + entry.storedBytes());
  }

  Conversation withMetadata(Map<String, String> replacement) {
    long more = Weight.of(replacement) - Weight.of(metadata);
    return new Conversation(
        createdAt,
        fingerprint,
        replacement,
        history,
        entries,
        textBytes + more,
        storedBytes + more);
  }

  Conversation withHidden(int number) {
    List<Entry> changed = new ArrayList<>(entries);
    changed.replaceAll(
        e -> e instanceof EndedTurn turn && turn.spec().number() == number ? turn.hidden() : e);
    return new Conversation(
        createdAt, fingerprint, metadata, history, changed, textBytes, storedBytes);
  }

  /** Why {@code more} bytes of text do not fit, or empty. */
  Optional<Decision> refuseIfFull(long more, SessionLimits limits) {
    if (textBytes + more > limits.textBytesMax()) {
      return Optional.of(
          Decision.full("the session holds at most " + limits.textBytesMax() + " bytes of text"));
    }
    if (storedBytes + more > limits.storedBytesMax()) {
      return Optional.of(
          Decision.full(
              "the session holds at most "
                  + limits.storedBytesMax()
                  + " bytes of text and tokens"));
    }
    return Optional.empty();
  }
}
