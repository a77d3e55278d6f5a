package io.parley.node.http.openai;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What the edge notes with a turn, in its metadata under names that callers cannot use: what a
 * response object must tell later.
 */
public final class Labels {
  private static final String PREFIX = "parley.";
  private static final String PREVIOUS = PREFIX + "previous";
  private static final String CONVERSATION = PREFIX + "conversation";

  private Labels() {}

  /** Notes the id of the response that this one goes on from. */
  public static Map<String, String> withPrevious(Map<String, String> metadata, String responseId) {
    return with(metadata, PREVIOUS, responseId);
  }

  public static Optional<String> previous(Map<String, String> metadata) {
    return Optional.ofNullable(metadata.get(PREVIOUS));
  }

  /** Notes that the caller named a conversation. */
  public static Map<String, String> withConversation(Map<String, String> metadata, String id) {
    return with(metadata, CONVERSATION, id);
  }

  public static Optional<String> conversation(Map<String, String> metadata) {
    return Optional.ofNullable(metadata.get(CONVERSATION));
  }

  /** The caller's own labels. */
  public static Map<String, String> visible(Map<String, String> metadata) {
    Map<String, String> visible = new LinkedHashMap<>(metadata);
    visible.keySet().removeIf(name -> name.startsWith(PREFIX));
    return visible;
  }

  private static Map<String, String> with(Map<String, String> metadata, String name, String value) {
    Map<String, String> labels = new LinkedHashMap<>(metadata);
    labels.put(name, value);
    return labels;
  }
}
