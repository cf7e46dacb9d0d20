CREATE FUNCTION public.records_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'records are append-only'; END $$;
CREATE TABLE public.gitops_nb_store (
    version integer NOT NULL
);
CREATE TABLE public.manifests (
    digest text NOT NULL,
    size bigint NOT NULL,
    encoding text NOT NULL,
    body bytea NOT NULL
);
CREATE TABLE public.records (
    sequence bigint NOT NULL,
    operation_id text NOT NULL,
    kind text NOT NULL,
    application text NOT NULL,
    namespace text NOT NULL,
    created_at text NOT NULL,
    payload text NOT NULL,
    previous_digest text NOT NULL,
    digest text NOT NULL,
    CONSTRAINT records_kind_check CHECK ((kind = ANY (ARRAY['begin'::text, 'end'::text, 'abandoned'::text])))
);
INSERT INTO public.gitops_nb_store VALUES (1);
INSERT INTO public.manifests VALUES ('bd21c9cfc003fbae3f46d6498dc6fc3711ddd006bd30ffa19dc698a4bddba4ac', 104, 'zlib', '\x789c35cba10e80300c84e177398d008b4563318068b66e69081d610343f6ee1481bae4befcf3033a64e2334b52f4b83b34f05408bd891dcbd5b6c1e9371c5cf28cda6013f56643d22071a4c39a9d0bfd9dd2cec6994b118d19b5ae2fe17a2257');
INSERT INTO public.records VALUES (1, 'ended', 'begin', 'shop', 'argocd', '2026-03-01T12:00:00.000000+00:00', '{"cluster":"https://127.0.0.1:6443","dry_run":false,"initiated_by":"alice","manifests":"bd21c9cfc003fbae3f46d6498dc6fc3711ddd006bd30ffa19dc698a4bddba4ac","project":"default","prune":true,"revisions":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"target_revision":"main"}', '', 'bcf0e91af3942019536c1b90605818f08fc61f413bd3b260df413ebb74fbfd25');
INSERT INTO public.records VALUES (2, 'ended', 'end', 'shop', 'argocd', '2026-03-01T12:01:00.000000+00:00', '{"message":"successfully synced (all tasks run)","notebook":"runs/shop.ipynb","phase":"Succeeded","resources":[{"action":"apply","group":"apps","hook_phase":"","kind":"Deployment","message":"","name":"shop","namespace":"web","phase":"Sync","status":"Synced","version":"v1","wave":2}]}', 'bcf0e91af3942019536c1b90605818f08fc61f413bd3b260df413ebb74fbfd25', '58c17677eb96133c1acbb5c4387c93a2d851bd4d602d2a9069a3478981ad81da');
INSERT INTO public.records VALUES (3, 'died', 'begin', 'shop', 'argocd', '2026-03-01T13:00:00.000000+00:00', '{"cluster":"https://127.0.0.1:6443","dry_run":true,"initiated_by":"","manifests":"","project":"default","prune":false,"revisions":["bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],"target_revision":"main"}', '58c17677eb96133c1acbb5c4387c93a2d851bd4d602d2a9069a3478981ad81da', 'd25ad748bb7df2abd0f2b05b0c1e629b3f757776b7bbb0eb9f65836fe7b9d8dc');
INSERT INTO public.records VALUES (4, 'died', 'abandoned', 'shop', 'argocd', '2026-03-01T14:00:00.000000+00:00', '{"message":"its process ended before the operation did","notebook":"","phase":"Error","resources":[]}', 'd25ad748bb7df2abd0f2b05b0c1e629b3f757776b7bbb0eb9f65836fe7b9d8dc', '222caf02ddc44567a4454c4654cbda53a565d72258ad5fdd1ec04aa06644188c');
INSERT INTO public.records VALUES (5, 'running', 'begin', 'shop', 'argocd', '2026-03-01T15:00:00.000000+00:00', '{"cluster":"https://127.0.0.1:6443","dry_run":false,"initiated_by":"","manifests":"","project":"default","prune":false,"revisions":["cccccccccccccccccccccccccccccccccccccccc"],"target_revision":"main"}', '222caf02ddc44567a4454c4654cbda53a565d72258ad5fdd1ec04aa06644188c', 'd5aee9a17b71f26f07b2710aa8d78e2d0b1ad0acffbb160f0dbed88ca88d0b8a');
ALTER TABLE ONLY public.gitops_nb_store
    ADD CONSTRAINT gitops_nb_store_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.manifests
    ADD CONSTRAINT manifests_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.records
    ADD CONSTRAINT records_previous_digest_key UNIQUE (previous_digest);
CREATE INDEX records_by_application ON public.records USING btree (namespace, application, sequence);
CREATE UNIQUE INDEX records_one_begin ON public.records USING btree (operation_id) WHERE (kind = 'begin'::text);
CREATE UNIQUE INDEX records_one_end ON public.records USING btree (operation_id) WHERE (kind <> 'begin'::text);
CREATE TRIGGER records_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.records FOR EACH STATEMENT EXECUTE FUNCTION public.records_append_only();
