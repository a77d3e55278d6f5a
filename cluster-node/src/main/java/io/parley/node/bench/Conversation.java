package io.parley.node.bench;

import java.util.List;

/**
 * What the users of a measurement say: the same for every server, and for the engine alone. The
 * answers, which travel back with each turn, are the model's.
 */
final class Conversation {
  private static final List<String> OPENINGS =
      List.of(
          "Tell me about the history of lighthouses.",
          "How does a bicycle stay upright?",
          "Write a short story about a clockmaker.",
          "What should I pack for a week in the mountains?",
          "Explain how bread rises.",
          "Describe the life of a honey bee.",
          "Why is the sky blue, and the sunset red?",
          "Give me ideas for a birthday party in a small garden.");
  private static final List<String> FOLLOW_UPS =
      List.of("Tell me more about that.", "Which part of it matters most?", "And what came next?");

  private Conversation() {}

  /**
   * What a user says.
   *
   * @param user from 0; no two begin alike
   * @param turn from 0
   */
  static String input(int user, int turn) {
    return turn == 0
        ? OPENINGS.get(user % OPENINGS.size()) + " (I am reader " + user + ".)"
        : FOLLOW_UPS.get((turn - 1) % FOLLOW_UPS.size());
  }
}
