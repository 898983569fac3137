-- What version 2 of OpenAI's Assistants API has beyond Model Studio's: options and tool resources of assistants, files
-- and resources of threads, attachments with their tools.

ALTER TABLE assistants ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
ALTER TABLE assistants ADD COLUMN resources TEXT NOT NULL DEFAULT '{}';
ALTER TABLE threads ADD COLUMN file_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE threads ADD COLUMN resources TEXT NOT NULL DEFAULT '{}';
ALTER TABLE messages ADD COLUMN attachments TEXT NOT NULL DEFAULT '[]';
