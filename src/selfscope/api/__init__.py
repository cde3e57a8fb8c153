"""What `import selfscope` offers, each loaded when it is first used."""
